"""The page on tiny models, and requests to it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CAPTIONS = ("a red circle", "two blue squares", "一个红色的圆形", "a small star above a circle")


@pytest.fixture(scope="session")
def models(pushed: Path) -> Any:
    """All three models, with a few training captions."""
    from pipeline.demo_ui.models import Models

    directories = {name: pushed / name / "1" for name in ("generator", "captioner", "encoder")}
    return Models(directories, CAPTIONS)


@pytest.fixture(scope="session")
def page(models: Any) -> Iterator[str]:
    """The address of the running page."""
    from pipeline.demo_ui.app import application
    from pipeline.server.http_thread import HttpThread

    http = HttpThread(application(models, list(CAPTIONS)), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{http.port}"
    http.stop()


@pytest.fixture(scope="session")
def ask(page: str) -> Callable[..., tuple[int, dict[str, Any]]]:
    """A function: path, and what is posted to it -> status and JSON."""

    def send(path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(page + path, data)) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    return send
