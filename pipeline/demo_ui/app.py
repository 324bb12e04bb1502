"""The page's requests and their answers."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from pipeline.demo_ui import photos
from pipeline.demo_ui.models import Models
from pipeline.demo_ui.photos import PhotoError
from pipeline.server.http_requests import (
    BodyReader,
    Deadline,
    DeadlineExceeded,
    QueueFull,
    Refusal,
    WorkerPool,
    encoding_of,
)
from trainer import serving

MAX_TEXT, MAX_PICTURES, MAX_SEED, MAX_TRUNCATION = 300, 16, 2**31 - 1, 2.0
PAGE = Path(__file__).parent / "page"
# Says to the browser, too, that nothing comes from elsewhere.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_EXAMPLES = 4
_MAX_WISH_BYTES = 2**16
# The models take one request after the other; more than so many would wait for too long.
_WAITING, _SECONDS = 16, 120.0
Handler = Callable[[web.Request], Awaitable[web.Response]]


class RequestError(Exception):
    """A request that gets a message for the person at the page."""


def application(models: Models, examples: list[str]) -> web.Application:
    """The page and what it asks for.

    Args:
      models: what answers.
      examples: captions to start from, a few of which are offered.
    """
    # Captions of one picture stand side by side: offered are some that lie far apart.
    apart = max(1, len(examples) // _EXAMPLES)
    answers = Answers(models, examples[::apart][:_EXAMPLES])
    workers = WorkerPool("page", 1, _WAITING)
    bodies = BodyReader(photos.MAX_BYTES, 4 * photos.MAX_BYTES)

    def handler(answer: Callable[[bytes], dict[str, Any]]) -> Handler:
        def work(body: bytes, encoding: str, _: Deadline) -> dict[str, Any]:
            return answer(bodies.decoded(body, encoding))

        async def handle(request: web.Request) -> web.Response:
            try:
                body = await bodies.read(request)
                try:
                    in_turn = functools.partial(work, body, encoding_of(request))
                    return _json(await workers.run(in_turn, _SECONDS))
                finally:
                    bodies.release(len(body))
            except Refusal as error:
                if error.status != web.HTTPRequestEntityTooLarge.status_code:
                    raise
                limit = photos.MAX_BYTES // 2**20
                message = f"The file is larger than {limit} MB. Choose a smaller one."
                return _json({"error": message}, error.status)
            except (RequestError, PhotoError, serving.ServingError) as error:
                return _json({"error": str(error)}, 400)
            except (QueueFull, DeadlineExceeded):
                raise Refusal(503, "Too much is asked at once. Try again.", retry=True) from None

        return handle

    async def about(_: web.Request) -> web.Response:
        return _json(answers.about())

    async def end(_: web.Application) -> None:
        workers.close()

    app = web.Application()
    app.on_cleanup.append(end)
    app.router.add_get("/", _file("page.html", "text/html"))
    app.router.add_get("/page.css", _file("page.css", "text/css"))
    for script in PAGE.glob("*.js"):
        app.router.add_get(f"/{script.name}", _file(script.name, "text/javascript"))
    app.router.add_get("/api/about", about)
    app.router.add_post("/api/paint", handler(answers.paint))
    app.router.add_post("/api/read", handler(answers.read))
    return app


class Answers:
    """JSON of requests in, JSON of answers out."""

    def __init__(self, models: Models, examples: list[str]):
        self._models, self._examples = models, examples

    def about(self) -> dict[str, Any]:
        """What the page can offer."""
        return {
            "generator": self._models.generator is not None,
            "captioner": self._models.captioner is not None,
            "encoder": self._models.encoder is not None,
            "examples": self._examples,
        }

    def paint(self, body: bytes) -> dict[str, Any]:
        """Pictures of one caption, or on the way from one to another."""
        if self._models.generator is None:
            raise RequestError("This run has no generator.")
        asked = _object(body)
        text, other = _caption(asked, "text"), _caption(asked, "other_text")
        if not text:
            raise RequestError("Write a caption first: the box is empty.")
        count = _number(asked, "count", 1, MAX_PICTURES)
        seed = _number(asked, "seed", 0, MAX_SEED)
        if other:
            steps = max(2, count)
            painted = self._models.mix(text, other, seed, steps)
            labels = [f"{place / (steps - 1):.0%}" for place in range(steps)]
        else:
            seeds = [(seed + place) % (MAX_SEED + 1) for place in range(count)]
            truncation = _number(asked, "truncation", 0, MAX_TRUNCATION, kind=float)
            painted = self._models.paint(text, seeds, truncation)
            labels = [f"seed {one}" for one in seeds]
        pictures = [
            {"png": _base64(png), "label": label}
            for png, label in zip(painted.pngs, labels, strict=True)
        ]
        return {"pictures": pictures, "note": _unknown(painted.unknown)}

    def read(self, body: bytes) -> dict[str, Any]:
        """All that the models say of a picture."""
        if self._models.captioner is None and self._models.encoder is None:
            raise RequestError("This run has neither a captioner nor an encoder.")
        photo = photos.read(body)
        answer: dict[str, Any] = {"png": _base64(photo.png), "note": photo.note}
        if self._models.captioner is not None:
            answer["words"] = [word._asdict() for word in self._models.words(photo.png)]
            answer["sentences"] = self._models.sentences(photo.png)
        if self._models.encoder is not None:
            answer["attributes"] = [one._asdict() for one in self._models.attributes(photo.png)]
            answer["nearest"] = self._models.nearest(photo.png)
        return answer


def _object(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body) if len(body) <= _MAX_WISH_BYTES else None
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise RequestError("The request is no JSON object.")
    return asked


def _caption(asked: dict[str, Any], key: str) -> str:
    text = asked.get(key) or ""
    try:
        text = text.strip()
        text.encode("utf-8")
    except (AttributeError, UnicodeEncodeError):
        raise RequestError("The caption is no text.") from None
    if len(text) > MAX_TEXT:
        raise RequestError(f"The caption has {len(text)} characters; at most {MAX_TEXT} are read.")
    return text


def _number(asked: dict[str, Any], key: str, low: int, high: float, kind: type = int) -> Any:
    value = asked.get(key)
    allowed = (int, float) if kind is float else (int,)
    if isinstance(value, bool) or not isinstance(value, allowed) or not low <= value <= high:
        whole = "" if kind is float else " whole"
        raise RequestError(f"{key.capitalize()} must be a{whole} number from {low} to {high:g}.")
    return kind(value)


def _unknown(share: float) -> str:
    if share <= 0:
        return ""
    known = "none of these words" if share >= 1 else f"{1 - share:.0%} of these words"
    return f"The model knows {known}; the others have no effect."


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _json(content: dict[str, Any], status: int = 200) -> web.Response:
    text = json.dumps(content, ensure_ascii=False)
    return web.Response(text=text, status=status, content_type="application/json", headers=HEADERS)


def _file(name: str, content_type: str) -> Handler:
    text = (PAGE / name).read_text(encoding="utf-8")

    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type=content_type, headers=HEADERS)

    return handle
