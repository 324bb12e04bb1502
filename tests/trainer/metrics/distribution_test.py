import numpy as np
import pytest
import scipy.linalg

from trainer.metrics.distribution import (
    Gaussian,
    fid,
    fid_interval,
    frechet_distance,
    gaussian,
    kid,
)


def _features(n, d=8, seed=0, shift=0.0, scale=1.0):
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(d, d))
    return shift + scale * rng.normal(size=(n, d)) @ mixing


def _scipy_fid(real, fake):
    root = scipy.linalg.sqrtm(np.cov(real, rowvar=False) @ np.cov(fake, rowvar=False))
    spread = np.trace(np.cov(real, rowvar=False) + np.cov(fake, rowvar=False) - 2 * root.real)
    return ((real.mean(0) - fake.mean(0)) ** 2).sum() + spread


def _gram_fid(real, fake):
    """Through the N x M Gram matrix of the centred features: exact at any rank."""
    a = (real - real.mean(0)) / np.sqrt(len(real) - 1)
    b = (fake - fake.mean(0)) / np.sqrt(len(fake) - 1)
    shared = scipy.linalg.svdvals(a @ b.T).sum()
    return ((real.mean(0) - fake.mean(0)) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * shared


def _loop_kid(real, fake):
    def kernel(x, y):
        return (x @ y / len(x) + 1) ** 3

    n, m = len(real), len(fake)
    xx = sum(kernel(real[i], real[j]) for i in range(n) for j in range(n) if i != j)
    yy = sum(kernel(fake[i], fake[j]) for i in range(m) for j in range(m) if i != j)
    xy = sum(kernel(x, y) for x in real for y in fake)
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


def test_fid_equals_scipy():
    real, fake = _features(400), _features(300, seed=1, shift=0.3, scale=1.2)
    np.testing.assert_allclose(fid(real, fake), _scipy_fid(real, fake), rtol=1e-6)


@pytest.mark.parametrize("n,m", [(10, 12), (10, 500), (500, 500)])
def test_fid_of_rank_deficient_sets(n, m):
    wide = np.random.default_rng(3).normal(size=(8, 64))
    real, fake = _features(n) @ wide, _features(m, seed=1, shift=0.1) @ wide
    np.testing.assert_allclose(fid(real, fake), _gram_fid(real, fake), rtol=1e-6)


def test_fid_of_orthogonal_subspaces_is_the_sum_of_traces():
    zeros = np.zeros((50, 4))
    real = np.concatenate([_features(50, 4), zeros], 1)
    fake = np.concatenate([zeros, _features(50, 4, seed=1)], 1)
    traces = real.var(0, ddof=1).sum() + fake.var(0, ddof=1).sum()
    means = ((real.mean(0) - fake.mean(0)) ** 2).sum()
    np.testing.assert_allclose(fid(real, fake), traces + means, rtol=1e-9)


def test_a_set_against_itself_gives_zero():
    for real in (_features(500), _features(5, 64), np.ones((20, 4))):
        assert fid(real, real) <= 1e-9 * max(1.0, (real**2).sum())
    assert abs(kid(_features(400), _features(400, seed=1), rounds=0).value) < 0.3


def test_statistics_streamed_in_any_blocks_are_the_same():
    real = _features(1000, shift=50.0).astype(np.float32)
    streamed = Gaussian(8)
    for rows in np.split(real, [1, 2, 40, 700, 700]):
        streamed.update(rows)
    assert streamed.count == 1000
    np.testing.assert_allclose(streamed.mean, real.astype(np.float64).mean(0), rtol=1e-12)
    covariance = np.cov(real.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(streamed.factor.T @ streamed.factor, covariance, rtol=1e-9)
    assert frechet_distance(streamed, gaussian(real)) < 1e-9


def test_statistics_of_parts_are_merged_to_those_of_the_whole():
    real = _features(600, shift=20.0)
    merged = Gaussian(8)
    for rows in np.split(real, [1, 90, 91, 400]):
        merged.merge(gaussian(rows))
    merged.merge(Gaussian(8))
    whole = gaussian(real)
    assert merged.count == whole.count
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(
        merged.factor.T @ merged.factor, whole.factor.T @ whole.factor, rtol=1e-9
    )
    with pytest.raises(ValueError, match="width 7, expected 8"):
        merged.merge(Gaussian(7))


def test_statistics_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match=r"expected \[n, 8\]"):
        Gaussian(8).update(np.zeros((3, 7)))
    with pytest.raises(ValueError, match="NaN"):
        gaussian(np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="needs 2"):
        fid(np.ones((1, 4)), np.ones((5, 4)))


def test_kid_equals_the_double_loop():
    real, fake = _features(40), _features(30, seed=1, shift=0.5)
    np.testing.assert_allclose(kid(real, fake).value, _loop_kid(real, fake), rtol=1e-10)


def test_kid_in_blocks_and_in_subsets(monkeypatch):
    real, fake = _features(150), _features(130, seed=1, shift=0.5)
    whole = kid(real, fake, rounds=20)
    monkeypatch.setattr("trainer.metrics.distribution._BLOCK", 64)
    np.testing.assert_allclose(kid(real, fake, rounds=20), whole, rtol=1e-10)
    subsets = kid(real, fake, subset_size=60, subsets=400, rounds=0).value
    np.testing.assert_allclose(subsets, whole.value, rtol=0.1)
    np.testing.assert_allclose(
        kid(real, fake, subset_size=130, subsets=1, rounds=0).value, whole.value, rtol=0.3
    )


def test_kid_is_unbiased_and_its_interval_covers():
    width, trials = 8, 60
    truth = kid(_features(4000, width, 1000), _features(4000, width, 2000, shift=0.2), rounds=0)
    values, covered = [], 0
    for trial in range(trials):
        real = _features(60, width, 2 * trial)
        fake = _features(60, width, 2 * trial + 1, shift=0.2)
        value, low, high = kid(real, fake, seed=trial, rounds=200)
        values.append(value)
        covered += low <= truth.value <= high
    error = np.std(values) / np.sqrt(trials)
    assert abs(np.mean(values) - truth.value) < 3 * error
    assert 0.85 <= covered / trials <= 1.0


def test_fid_interval_is_centred_on_the_value():
    real, fake = _features(300), _features(300, seed=1, shift=0.5)
    value, low, high = fid_interval(real, fake)
    assert value == fid(real, fake)
    assert low < value < high
    np.testing.assert_allclose(value - low, high - value)
    drawn = [
        fid(_features(300, seed=s), _features(300, seed=s + 50, shift=0.5)) for s in range(2, 40)
    ]
    np.testing.assert_allclose(high - value, 1.96 * np.std(drawn), rtol=0.5)


@pytest.mark.parametrize("distance", [fid, lambda a, b: kid(a, b, rounds=0).value])
def test_noise_and_lost_modes_are_noticed_in_order(distance):
    rng = np.random.default_rng(0)
    centres = 3 * rng.normal(size=(10, 16))
    label = rng.integers(10, size=2000)
    pictures = centres[label] + rng.normal(size=(2000, 16))
    real, fake, fake_label = pictures[:1000], pictures[1000:], label[1000:]
    noise = rng.normal(size=fake.shape)
    noisy = [distance(real, fake + level * noise) for level in (0, 0.5, 1, 2)]
    assert noisy == sorted(noisy)
    kept = [distance(real, fake[fake_label < modes]) for modes in (10, 7, 4, 1)]
    assert kept == sorted(kept)
    assert kept[-1] > 5 * max(kept[0], 1e-3)
