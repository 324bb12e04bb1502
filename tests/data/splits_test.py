"""Splits by content: stable, near the shares asked for, and nothing else."""

import hashlib
from collections import Counter

import pytest

from data import schema
from data.base.errors import DataError
from data.splits import SPLITS, assign

HASHES = [
    hashlib.blake2b(bytes([n % 256, n // 256]), digest_size=16).hexdigest() for n in range(4000)
]


def test_the_names_are_those_of_the_schema():
    assert SPLITS == schema.SPLITS


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (1, 0, 0), (0, 0, 1)])
def test_shares_are_met(shares):
    counts = Counter(assign(each, shares) for each in HASHES)
    for split, share in zip(SPLITS, shares, strict=True):
        assert counts[split] / len(HASHES) == pytest.approx(share, abs=0.02)


def test_borders_are_exact():
    assert assign("0" * 32, (0, 0.5, 0.5)) == "val"
    assert assign("7" + "f" * 31, (0.5, 0.25, 0.25)) == "train"
    assert assign("8" + "0" * 31, (0.5, 0.25, 0.25)) == "val"
    assert assign("f" * 32, (0.8, 0.1, 0.1)) == "test"
    assert assign("f" * 32, (0.9, 0.1, 0)) == "val"


def test_only_pictures_near_a_moved_border_change_sides():
    before = [assign(each, (0.8, 0.1, 0.1)) for each in HASHES]
    after = [assign(each, (0.85, 0.05, 0.1)) for each in HASHES]
    moved = Counter(pair for pair in zip(before, after, strict=True) if pair[0] != pair[1])
    assert set(moved) == {("val", "train")}
    assert moved["val", "train"] / len(HASHES) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("shares", [(0.8, 0.2), (0.8, 0.1, 0.2), (1.2, -0.1, -0.1)])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(DataError, match="shares"):
        assign("0" * 32, shares)
