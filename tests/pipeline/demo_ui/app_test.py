"""What the page asks for, and the messages that people get."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from pipeline.demo_ui import app
from pipeline.demo_ui.models import Painted
from pipeline.server.http_thread import HttpThread
from trainer import serving

PAINT = {"text": "a red circle", "count": 2, "seed": 5, "truncation": 1.0, "other_text": ""}


@pytest.fixture(scope="module")
def picture():
    buffer = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 255, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def bytes_of(answer):
    return [base64.b64decode(picture["png"]) for picture in answer["pictures"]]


def test_pictures_are_those_of_the_model(ask, models):
    status, answer = ask("/api/paint", PAINT)
    assert status == 200
    texts = [PAINT["text"]] * 2
    assert bytes_of(answer) == [
        one.png for one in serving.generate(models.generator, texts, [5, 6])
    ]
    assert [picture["label"] for picture in answer["pictures"]] == ["seed 5", "seed 6"]
    assert bytes_of(ask("/api/paint", {**PAINT, "truncation": 0})[1]) != bytes_of(answer)


def test_a_mix_goes_from_one_caption_to_the_other(ask):
    mix = {**PAINT, "other_text": "two blue squares", "count": 3}
    answer = ask("/api/paint", mix)[1]
    assert [picture["label"] for picture in answer["pictures"]] == ["0%", "50%", "100%"]
    first = bytes_of(ask("/api/paint", {**PAINT, "count": 1})[1])
    last = bytes_of(ask("/api/paint", {**PAINT, "text": mix["other_text"], "count": 1})[1])
    assert [bytes_of(answer)[0], bytes_of(answer)[2]] == first + last


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": " \n "}, "the box is empty"),
        ({"text": None}, "the box is empty"),
        ({"text": 7}, "no text"),
        ({"text": "\ud800"}, "no text"),
        ({"text": "a" * 301}, "301 characters; at most 300"),
        ({"count": 0}, "Count must be a whole number from 1 to 16"),
        ({"count": 99}, "Count must be a whole number"),
        ({"seed": None}, "Seed must be a whole number"),
        ({"seed": 1.5}, "Seed must be a whole number"),
        ({"truncation": -1}, "Truncation must be a number from 0 to 2"),
    ],
)
def test_a_wrong_wish_is_told(ask, change, said):
    status, answer = ask("/api/paint", {**PAINT, **change})
    assert status == 400
    assert said in answer["error"]


def test_a_request_that_is_no_json_is_told(ask):
    assert ask("/api/paint", b"[1")[0] == 400
    assert ask("/api/paint", [1]) == (400, {"error": "The request is no JSON object."})


def test_unknown_words_are_told(ask):
    note = ask("/api/paint", {**PAINT, "text": "zyxwv"})[1]["note"]
    assert note == "The model knows none of these words; the others have no effect."


def test_a_picture_is_described_by_all_models(ask, models, picture):
    status, answer = ask("/api/read", picture)
    assert status == 200
    assert set(answer["sentences"]) == {"en", "zh"}
    (told,) = serving.caption(models.captioner, [picture])
    assert answer["sentences"]["en"] == told.text
    assert "".join(word["text"] for word in answer["words"]) == told.text.replace(" ", "")
    for word in answer["words"]:
        assert np.sum(word["attention"]) == pytest.approx(1.0, abs=1e-3)
    scores = [(not one["is_present"], -one["score"]) for one in answer["attributes"]]
    assert scores == sorted(scores)
    similarities = [score for _, score in answer["nearest"]]
    assert len(similarities) == 4 and similarities == sorted(similarities, reverse=True)


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 400, "empty"),
        (b"hello", 400, "no picture that can be read"),
        (b"x" * (32 * 2**20 + 1), 413, "larger than 32 MB"),
    ],
)
def test_a_wrong_file_is_told(ask, content, status, said):
    found, answer = ask("/api/read", content)
    assert found == status
    assert said in answer["error"]


def test_nothing_comes_from_elsewhere(page):
    for path in (
        "/",
        *(f"/{file.name}" for file in app.PAGE.iterdir() if file.name != "page.html"),
    ):
        with urllib.request.urlopen(page + path) as answer:
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            assert not re.search(rb"https?:|//[a-z]+\.", answer.read().replace(b"// ", b""))


def test_models_that_are_missing_are_told(pushed, picture):
    from pipeline.demo_ui.models import Models

    answers = app.Answers(Models({"encoder": pushed / "encoder" / "1"}), [])
    assert answers.about() == {
        "generator": False,
        "captioner": False,
        "encoder": True,
        "examples": [],
    }
    with pytest.raises(app.RequestError, match="no generator"):
        answers.paint(b"{}")
    told = answers.read(picture)
    assert told["attributes"] and told["nearest"] == [] and "words" not in told


def test_the_page_is_not_shown_under_a_stranger_s_name(page):
    request = urllib.request.Request(page, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request)
    assert raised.value.code == 421
    assert list(json.loads(raised.value.read())) == ["error"]


def test_a_wish_as_long_as_a_book_is_not_read(ask):
    assert ask("/api/paint", b"[" * 2**17) == (400, {"error": "The request is no JSON object."})


class Slow:
    """Models that paint when they are told to."""

    generator, captioner, encoder = object(), None, None

    def __init__(self):
        self.begun, self.go = threading.Event(), threading.Event()

    def paint(self, text, seeds, truncation):
        del text, truncation
        self.begun.set()
        assert self.go.wait(60)
        return Painted([b"png"] * len(seeds), 0.0)


def test_what_is_asked_at_once_has_a_limit_and_the_page_is_still_there(monkeypatch):
    monkeypatch.setattr(app, "_WAITING", 0)
    slow, statuses = Slow(), []
    http = HttpThread(app.application(slow, []), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{http.port}"
    paint = urllib.request.Request(f"{url}/api/paint", json.dumps(PAINT).encode())

    def wish():
        with urllib.request.urlopen(paint, timeout=60) as answer:
            statuses.append(answer.status)

    first = threading.Thread(target=wish)
    first.start()
    assert slow.begun.wait(60)
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(paint, timeout=60)
    assert (raised.value.code, raised.value.headers["Retry-After"]) == (503, "1")
    for path in ("/", "/api/about"):
        with urllib.request.urlopen(url + path, timeout=60) as answer:
            assert answer.status == 200
    slow.go.set()
    first.join()
    http.stop()
    assert statuses == [200]
