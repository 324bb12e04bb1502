"""Pictures that look alike are found, others are not, and large sets take no time to speak of."""

import io
import time

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from data.checking.near_duplicates import SIDE, groups_alike, thumbnail


def photograph(seed):
    """Returns a smooth picture of some colours, 160 x 120."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)


def encoded(image, name="PNG", **save):
    target = io.BytesIO()
    image.save(target, name, **save)
    return target.getvalue()


CHANGES = {
    "as JPEG": lambda image: encoded(image, "JPEG", quality=60),
    "smaller": lambda image: encoded(image.resize((80, 60))),
    "larger": lambda image: encoded(image.resize((320, 240), Image.Resampling.BICUBIC)),
    "a little brighter": lambda image: encoded(ImageEnhance.Brightness(image).enhance(1.05)),
    "of a palette": lambda image: encoded(image.quantize(200)),
    "with alpha": lambda image: encoded(image.convert("RGBA")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_near_copy_is_found_among_others(change):
    looks = [thumbnail(encoded(photograph(seed))) for seed in range(40)]
    looks.append(thumbnail(CHANGES[change](photograph(17))))
    assert groups_alike(looks) == [[17, 40]]


@pytest.mark.parametrize(
    "other",
    [
        photograph(17).convert("L"),
        photograph(17).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        photograph(17).crop((0, 0, 80, 60)),
        Image.eval(photograph(17), lambda level: 255 - level),
    ],
    ids=["grey", "mirrored", "cropped", "negative"],
)
def test_another_picture_of_the_same_thing_is_not(other):
    assert groups_alike([thumbnail(encoded(photograph(17))), thumbnail(encoded(other))]) == []


def test_flat_pictures_are_told_by_their_colour():
    colours = ["red", "red", "darkgreen", "blue", "#0000f8", "white"]
    looks = [thumbnail(encoded(Image.new("RGB", (20, 20), colour))) for colour in colours]
    assert groups_alike(looks) == [[0, 1], [3, 4]]


def test_what_cannot_be_decoded_has_no_look():
    assert thumbnail(b"broken") == b""
    assert len(thumbnail(encoded(Image.new("L", (1, 30))))) == SIDE * SIDE * 3


def test_nothing_and_one_picture():
    assert groups_alike([]) == groups_alike([bytes(SIDE * SIDE * 3)]) == []


def test_every_pair_within_reach_is_found():
    generator = np.random.default_rng(0)
    base = generator.integers(30, 220, (60, SIDE * SIDE * 3), dtype=np.uint8)
    near = base + generator.integers(0, 4, base.shape, dtype=np.uint8)
    looks = [row.tobytes() for row in np.concatenate([base, near])]
    assert groups_alike(looks) == [[place, place + 60] for place in range(60)]


def test_time_grows_little_faster_than_the_set():
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (16_000, SIDE * SIDE * 3), dtype=np.uint8)
    looks = [row.tobytes() for row in pixels]
    seconds = []
    for count in (2_000, 16_000):
        start = time.process_time()
        groups_alike([*looks[:count], looks[0]])
        seconds.append(time.process_time() - start)
    # All pairs would take 64 times as long.
    assert seconds[1] < 30 * seconds[0] + 1
