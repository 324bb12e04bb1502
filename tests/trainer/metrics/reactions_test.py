"""Each metric notices what it should, and the more the worse, on real pixels."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from data.scenes import as_captioned_images
from trainer.metrics.distribution import cover, fid, kid
from trainer.metrics.diversity import duplicates, memorisation
from trainer.metrics.extractors import RandomConvnet

COUNT = 250


@pytest.fixture(scope="module")
def scenes():
    """uint8 [4 COUNT, 32, 32, 3] and the colour of the first object of each."""
    made = list(as_captioned_images(4 * COUNT, resolution=32, seed=3))
    pictures = [np.asarray(Image.open(io.BytesIO(scene.encoded)).convert("RGB")) for scene in made]
    colours = [next(a for a in scene.attributes if a.startswith("colour:")) for scene in made]
    return np.stack(pictures), np.array(colours)


@pytest.fixture(scope="module")
def seen():
    """Features of pictures, each set looked at once."""
    extractor, done = RandomConvnet(), {}

    def features(pictures):
        key = pictures.tobytes()
        if key not in done:
            done[key] = extractor(pictures)
        return done[key]

    return features


def _noisy(pictures, deviation):
    noise = np.random.default_rng(0).normal(0, 1, pictures.shape)
    return np.clip(np.rint(pictures + deviation * noise), 0, 255).astype(np.uint8)


def _blurred(pictures, radius):
    if not radius:
        return pictures
    return np.rint(gaussian_filter(pictures.astype(np.float64), (0, radius, radius, 0))).astype(
        np.uint8
    )


def _distances(seen, real, series):
    real = seen(real)
    return {
        "fid": [fid(real, seen(fake)) for fake in series],
        "kid": [kid(real, seen(fake), rounds=0).value for fake in series],
    }


def test_a_set_against_itself_is_nothing_apart(scenes, seen):
    pictures, _ = scenes
    features = seen(pictures[:COUNT])
    assert fid(features, features) < 1e-9 * (features.astype(np.float64) ** 2).sum(1).mean()
    assert cover(features, features).values()["precision"] == 1.0


@pytest.mark.parametrize("change", [_noisy, _blurred])
def test_noise_and_blur_move_the_distances_and_precision_in_order(scenes, seen, change):
    pictures, _ = scenes
    levels = {_noisy: (0, 8, 16, 32, 64), _blurred: (0, 0.5, 1, 2, 4)}[change]
    series = [change(pictures[COUNT : 2 * COUNT], level) for level in levels]
    for name, values in _distances(seen, pictures[:COUNT], series).items():
        assert values == sorted(values), name
        assert values[-1] > 10 * max(values[0], 1e-6), name
    real = seen(pictures[:COUNT])
    precision = [cover(real, seen(fake)).values()["precision"] for fake in series]
    density = [cover(real, seen(fake)).values()["density"] for fake in series]
    assert density == sorted(density, reverse=True)
    assert precision[-1] < 0.5 * precision[0]


def test_lost_kinds_move_the_distances_recall_and_coverage_in_order(scenes, seen):
    """Down to one of eight colours, the mean over which one; what is left is as good as it was."""
    pictures, colours = scenes
    features, kinds = seen(pictures), sorted(set(colours))
    real, rest = features[:COUNT], np.arange(COUNT, len(features))
    figures = []
    for kept in (8, 4, 2, 1):
        found = []
        for first in range(0, 8, 2):
            left = np.roll(kinds, -first)[:kept]
            fake = features[np.resize(rest[np.isin(colours[rest], left)], COUNT)]
            distances = {"fid": fid(real, fake), "kid": kid(real, fake, rounds=0).value}
            found.append(distances | cover(real, fake).values())
        figures.append({name: np.mean([one[name] for one in found]) for name in found[0]})
    for name in ("fid", "kid"):
        values = [one[name] for one in figures]
        assert values == sorted(values), name
        assert values[-1] > 3 * max(values[0], 1e-6), name
    for name in ("recall", "coverage"):
        values = [one[name] for one in figures]
        assert values == sorted(values, reverse=True), name
        assert values[-1] < 0.9 * values[0], name
    assert figures[-1]["precision"] > 0.9 * figures[0]["precision"]


def test_a_constant_picture_and_copies_move_what_a_gate_refuses_by(scenes, seen):
    pictures, _ = scenes
    training, real, new, _ = np.split(pictures, 4)
    constant = np.repeat(new[:1], COUNT, 0)
    flat = [x.reshape(COUNT, -1) for x in (training, real, new, constant)]
    covered = [cover(seen(real), seen(x)).values() for x in (new, training, constant)]
    assert covered[2]["recall"] == 0.0 and covered[2]["coverage"] < 0.1
    assert min(covered[0]["coverage"], covered[1]["coverage"]) > 0.8
    assert duplicates(flat[3], flat[1]).estimate.value == 1.0
    assert duplicates(flat[2], flat[1]).estimate.value < 0.15
    # What distances to the test pictures do not tell, for training pictures are as good as these.
    copied = memorisation(flat[0], flat[1], flat[0]).estimate
    honest = memorisation(flat[2], flat[1], flat[0]).estimate
    assert copied.value == 1.0
    assert honest.high < 0.2
