"""What talks to the running model server."""

from __future__ import annotations

import base64
import io
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

TIMEOUT = 60


class Reply(NamedTuple):
    """What came back: HTTP status and JSON."""

    status: int
    json: Any


@pytest.fixture(scope="session")
def call(server: Any) -> Callable[..., Reply]:
    """A function: path, and the body of a POST -> `Reply`."""
    return lambda path, body=None: fetch(server.rest_port, path, body)


@pytest.fixture(scope="session")
def fetched() -> Callable[..., Reply]:
    """A function: port, path, and the body of a POST -> `Reply`."""
    return fetch


def fetch(port: int, path: str, body: Any = None) -> Reply:
    """Sends one request; a body that is no bytes is written as JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return Reply(answer.status, json.loads(answer.read()))
    except urllib.error.HTTPError as error:
        return Reply(error.code, json.loads(error.read()))


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A PNG file."""
    pixels = np.random.default_rng(0).integers(0, 255, (20, 24, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def encoded(picture: bytes) -> dict[str, str]:
    """The same as REST wants it."""
    return {"b64": base64.b64encode(picture).decode()}
