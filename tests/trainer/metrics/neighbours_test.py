import numpy as np
import pytest
from scipy.spatial.distance import cdist

from trainer.metrics import distribution
from trainer.metrics.distribution import (
    blocks,
    features_of,
    nearest_others,
    rounding,
    square_distances,
)


def _rows(n, seed, place=0.0):
    return np.random.default_rng(seed).normal(place, 1.0, (n, 6))


def test_blocks_cover_everything_once():
    assert [(rows.start, rows.stop) for rows in blocks(7, 3)] == [(0, 3), (3, 6), (6, 7)]
    assert list(blocks(0, 3)) == []


def test_distances_equal_scipy_far_from_the_origin(monkeypatch):
    monkeypatch.setattr(distribution, "_DISTANCE_BLOCK", 16)
    one, other = _rows(40, 0, 1e4), _rows(30, 1, 1e4)
    found = np.full((40, 30), np.nan)
    largest = 0
    for rows, part in square_distances(one, other):
        found[rows], largest = part, max(largest, len(part))
    assert largest == 16
    np.testing.assert_allclose(found, cdist(one, other, "sqeuclidean"), rtol=1e-9)


def test_equal_rows_are_nearer_than_the_rounding():
    features = np.repeat(_rows(50, 0, 1e3), 2, 0)
    found = np.concatenate([part for _, part in square_distances(features, features)])
    first, second = rounding(features, features)
    even, odd = np.arange(0, 100, 2), np.arange(1, 100, 2)
    assert (found[even, odd] <= first[even] + second[odd]).all()
    assert first.max() + second.max() < 1e-6 * np.median(found)


def test_a_row_far_away_makes_no_other_coarse():
    features = _rows(50, 0)
    alone = np.concatenate(rounding(features, features))
    features[7] = 1e9
    with_it = np.concatenate(rounding(features, features))
    far = np.isin(np.arange(100), (7, 57))
    assert with_it[far].min() > 1.0
    np.testing.assert_allclose(with_it[~far], alone[~far], rtol=1.0)


def test_the_nearest_others_are_not_the_row_itself():
    features = _rows(60, 3)
    distance = np.sort(cdist(features, features, "sqeuclidean"), 1)
    np.testing.assert_allclose(nearest_others(features, (1, 4)), distance[:, [1, 4]], rtol=1e-9)
    with pytest.raises(ValueError, match="no 60-th"):
        nearest_others(features, (60,))


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (([1.0, 2.0],), "must be"),
        ((np.ones((3, 2)), np.ones((3, 4))), "of one width"),
        ((np.ones((3, 2)), np.ones((1, 2))), "2 pictures or more"),
        ((np.ones((3, 2)), np.full((3, 2), np.inf)), "NaN or infinity"),
    ],
)
def test_what_are_no_features_is_refused(sets, said):
    with pytest.raises(ValueError, match=said):
        features_of(*sets)
