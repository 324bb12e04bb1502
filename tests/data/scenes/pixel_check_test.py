from collections import defaultdict
from itertools import islice

import numpy as np
import pytest
from scipy import ndimage

from data.scenes import pixel_check
from data.scenes.dataset import Sample, samples
from data.scenes.drawing import draw
from data.scenes.layout import Figure, Scene
from data.scenes.world import Claim, ObjectClaim

PICTURES = 160


@pytest.fixture(scope="module")
def drawn() -> list[Sample]:
    return list(islice(samples(seed=11), PICTURES))


def _shares(verdicts: list[dict[str, bool]]) -> dict[str, float]:
    by_key = defaultdict(list)
    for verdict in verdicts:
        for key, value in verdict.items():
            by_key[key].append(value)
    return {key: float(np.mean(values)) for key, values in by_key.items()}


def _noisy(image: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(int(image.sum())).normal(0, 8, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _blurred(image: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(image.astype(float), (3, 3, 1), mode="nearest").astype(np.uint8)


@pytest.mark.parametrize("resolution", [32, 64])
@pytest.mark.parametrize(
    ("change", "least"), [(lambda image: image, 0.99), (_noisy, 0.98), (_blurred, 0.95)]
)
def test_what_is_drawn_is_seen(drawn, resolution, change, least):
    shares = _shares(
        [pixel_check.verify(change(one.image(resolution)), one.scene.facts) for one in drawn]
    )
    assert set(shares) == {"colour", "shape", "relation"}
    assert min(shares.values()) >= least, shares


def test_claims_of_other_pictures_are_true_by_chance_only(drawn):
    sights = [pixel_check.see(one.image(32)) for one in drawn]
    shares = _shares(
        [
            pixel_check.judge(sight, other.scene.facts)
            for step in range(1, 9)
            for sight, other in zip(sights, drawn[step:] + drawn[:step], strict=True)
        ]
    )
    assert 0.08 < shares["colour"] < 0.17
    assert 0.12 < shares["shape"] < 0.21
    assert 0.08 < shares["relation"] < 0.2


def _pair() -> tuple[np.ndarray, Claim]:
    claim = Claim((ObjectClaim("red", "circle"), ObjectClaim("blue", "square")), "above")
    figures = (
        Figure("red", "circle", "plain", None, 16.0, 9.0, 12.0, 0.0, 1),
        Figure("blue", "square", "plain", None, 16.0, 23.0, 12.0, 0.0, 1),
    )
    facts = Claim(claim.objects, "above", background="grey")
    return draw(Scene(facts, figures), 32), claim


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (("red", "circle", "above", "blue", "square"), (True, True, True)),
        (("red", "circle", "below", "blue", "square"), (True, True, False)),
        (("blue", "square", "below", "red", "circle"), (True, True, True)),
        (("green", "circle", "above", "blue", "square"), (False, True, True)),
        (("red", "star", "above", "blue", "square"), (True, False, True)),
        (("yellow", "ring", "left of", "blue", "square"), (False, False, False)),
    ],
)
def test_colour_shape_and_relation_are_judged_apart(said, verdict):
    colour, shape, relation, other_colour, other_shape = said
    claim = Claim((ObjectClaim(colour, shape), ObjectClaim(other_colour, other_shape)), relation)
    image, _ = _pair()
    assert tuple(pixel_check.verify(image, claim).values()) == verdict


def test_an_empty_picture_shows_nothing_that_is_claimed():
    _, claim = _pair()
    for level in (18, 150, 250):
        image = np.full((32, 32, 3), level, np.uint8)
        assert pixel_check.verify(image, claim) == {
            "colour": False,
            "shape": False,
            "relation": False,
        }


def test_noise_alone_is_no_better_than_chance():
    rng = np.random.default_rng(0)
    _, claim = _pair()
    images = [rng.integers(0, 256, (32, 32, 3)).astype(np.uint8) for _ in range(60)]
    shares = _shares([pixel_check.verify(image, claim) for image in images])
    assert max(shares.values()) < 0.4


def test_counted_objects_are_counted(drawn):
    alone = [one for one in drawn if one.scene.facts.count is not None]
    right = [pixel_check.see(one.image(32)).count == one.scene.facts.count for one in alone]
    assert np.mean(right) > 0.97


def test_a_single_kind_has_no_relation(drawn):
    one = next(one for one in drawn if one.scene.facts.count is not None)
    assert set(pixel_check.verify(one.image(32), one.scene.facts)) == {"colour", "shape"}


@pytest.mark.parametrize("shape", [(32, 32), (32, 16, 3), (32, 32, 4)])
def test_what_is_no_square_rgb_picture_is_refused(shape):
    with pytest.raises(ValueError, match="uint8"):
        pixel_check.see(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="float32"):
        pixel_check.see(np.zeros((32, 32, 3), np.float32))
