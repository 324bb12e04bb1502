"""Pictures for the page, made by tiny real models."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from components.run_report import pictures as subject


def opened(encoded):
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


@pytest.fixture
def directory(model_uri):
    return lambda kind: f"{model_uri(kind)}/Format-Serving"


def test_each_caption_is_painted_from_every_seed_beside_its_real_picture(directory, pictures):
    painted = subject.paint(directory("generator"), pictures["test"][:4])
    assert [item.caption for item in painted] == [
        "a red square",
        "green色的方块",
        "a blue square",
        "red色的方块",
    ]
    assert [item.language for item in painted] == ["en", "zh", "en", "zh"]
    assert len(set(painted[0].pictures)) == len(painted[0].pictures) == len(subject.SEEDS)
    red, _, blue = opened(painted[0].pictures[0]).getpixel((4, 4))
    assert red > blue
    assert opened(painted[0].real).size == (8, 8)


def test_pictures_are_described_with_words_attention_and_attributes(directory, pictures):
    chosen = pictures["test"][:3]
    described = subject.describe(directory("captioner"), directory("encoder"), chosen)
    assert [item.caption for item in described] == [
        f"a {c} square" for c in ("red", "green", "blue")
    ]
    assert [word.token for word in described[0].words] == ["a", "red", "square"]
    assert opened(described[0].words[0].veil).size == (2, 2)
    assert described[0].references == chosen[0].captions
    assert list(described[0].attributes) == ["colour:red"]
    assert opened(described[0].picture).size == (8, 8)


def test_what_reaches_its_own_threshold_is_recognised():
    recogniser = SimpleNamespace(names=("a", "b", "c"), thresholds=np.array([0.95, 0.1, 0.6]))
    found = subject._recognised(recogniser, np.array([0.9, 0.2, 0.6]))
    assert list(found.items()) == [("c", 0.6), ("b", 0.2)]


def test_veil_is_clear_where_attention_is_greatest():
    with Image.open(io.BytesIO(subject.veil(np.array([[0.0, 0.2], [0.1, 0.4]])))) as image:
        alpha = np.asarray(image)[..., 3]
    assert alpha.tolist() == [[subject.DARKEST, 85], [128, 0]]


def test_veil_of_no_attention_is_dark_and_finite():
    with Image.open(io.BytesIO(subject.veil(np.zeros([2, 2])))) as image:
        assert (np.asarray(image)[..., 3] == subject.DARKEST).all()


@pytest.mark.parametrize(("count", "places"), [(3, [0, 4, 9]), (20, range(10)), (1, [0])])
def test_spread_takes_from_the_whole_split(pictures, count, places):
    chosen = subject.spread(pictures["test"], count)
    assert chosen == [pictures["test"][place] for place in places]
