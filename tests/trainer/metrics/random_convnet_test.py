import numpy as np
import pytest

from trainer.metrics.extractors import WIDTH, RandomConvnet, _kernel, identity


def _pictures(n, side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), np.uint8)


def _smooth(n, side, seed=0):
    """Pictures of a few large patches."""
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 3), np.uint8)
    return coarse.repeat(side // 4, 1).repeat(side // 4, 2)


def test_weights_are_the_same_everywhere():
    first = _kernel(0, 0, 3, 32)
    assert first.dtype == np.float32 and first.shape == (3, 3, 3, 32)
    assert first.ravel()[:3].tolist() == PINNED
    assert identity(RandomConvnet()) == f"random:{DIGEST}"


PINNED = [0.3134583830833435, -0.36637282371520996, -0.05612451210618019]
DIGEST = "da4cc60e0caf"


def test_another_seed_is_another_network():
    one, other = RandomConvnet(), RandomConvnet(seed=1)
    assert one.digest != other.digest
    assert RandomConvnet().digest == one.digest
    pictures = _smooth(2, 32)
    assert not np.allclose(one(pictures), other(pictures), rtol=0.1)


def test_weights_have_the_variance_that_keeps_signals_alive():
    kernel = _kernel(3, 2, 32, 64)
    assert kernel.mean() == pytest.approx(0.0, abs=2e-3)
    assert kernel.var() == pytest.approx(2 / (1.04 * 9 * 32), rel=0.02)


@pytest.mark.parametrize("side", [28, 64, 96])
def test_pictures_of_any_side_give_a_row_each_whatever_their_batch(side):
    extractor, pictures = RandomConvnet(), _pictures(150, side)
    found = extractor(pictures)
    assert found.shape == (150, WIDTH) and found.dtype == np.float32
    np.testing.assert_allclose(found[140:], extractor(pictures[140:]), rtol=1e-4, atol=1e-5)
    assert extractor(pictures[:0]).shape == (0, WIDTH)


def test_edges_are_seen_and_flat_grounds_are_not():
    assert np.abs(_kernel(0, 0, 3, 32).sum((0, 1))).max() < 1e-6
    assert np.abs(_kernel(0, 1, 3, 32).sum((0, 1))).max() > 0.1


def test_features_are_near_a_mean_square_of_1():
    assert 0.1 < (RandomConvnet()(_smooth(64, 32)) ** 2).mean() < 10


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 8, 8, 3), np.float32), np.zeros((8, 8, 3), np.uint8)]
)
def test_what_is_not_rounded_to_bytes_is_refused(wrong):
    with pytest.raises(ValueError, match="round to 0 to 255"):
        RandomConvnet()(wrong)
