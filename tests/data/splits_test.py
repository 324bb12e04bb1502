"""Splits by content, and how a set is divided: exact shares, what it lacks, spans, large sets."""

import hashlib
import random
from collections import Counter

import pytest

from data import schema, splits
from data.base.errors import DataError
from data.splits import SPLITS, Placed, SplitRule, SplitTally, assign, exact_counts

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


def _hash(number):
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()


def _placed(count, named=None, span=None, start=0):
    return [Placed.of(_hash(start + n), named, span, size=10) for n in range(count)]


def _rule(pictures, *, shares=(0.8, 0.1, 0.1), **values):
    tally = SplitTally(shares)
    for one in pictures:
        tally.add(one)
    return SplitRule.of(tally, **values)


def _count(rule, pictures):
    return Counter(map(rule.split_of, pictures))


@pytest.mark.parametrize("count", [3, 10, 11, 15, 20, 50, 101, 999])
@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.1), (0.5, 0.3, 0.2), (0.9, 0.1, 0), (0, 0, 1)])
@pytest.mark.parametrize("start", [0, 5000])
def test_small_sets_have_their_shares_to_the_picture(count, shares, start):
    pictures = _placed(count, start=start)
    found = _count(_rule(pictures, shares=shares), pictures)
    assert sum(found.values()) == count
    for split, share in zip(SPLITS, shares, strict=True):
        assert abs(found[split] - count * share) < 1
        assert share or not found[split]


def test_twenty_pictures_give_sixteen_two_and_two():
    pictures = _placed(20)
    rule = _rule(pictures)
    assert dict(rule.pictures) == {"train": 16, "val": 2, "test": 2}
    assert dict(rule.sizes) == {"train": 160, "val": 20, "test": 20}
    assert not list(rule.sentences())


def test_larger_sets_are_divided_by_each_hash_alone():
    pictures = _placed(splits.EXACT_BELOW)
    rule = _rule(pictures)
    for number, one in enumerate(pictures):
        assert rule.split_of(one) == assign(_hash(number))
    assert _count(rule, pictures) == rule.pictures


@pytest.mark.parametrize("count", [160, 3000])
def test_a_split_that_the_data_lack_is_cut_from_the_others(count):
    pictures = [*_placed(count, "train"), *_placed(count // 2, "val", start=count)]
    rule = _rule(pictures)
    assert rule.cut == ("test",)
    found = _count(rule, pictures)
    assert found == rule.pictures
    near = 1 if count < splits.EXACT_BELOW else 90
    assert found["test"] == pytest.approx(0.1 * len(pictures), abs=near)
    # The others keep what is not cut from them, and none of it changes sides between them.
    moved = {one for one in pictures if rule.split_of(one) != one.named}
    assert {rule.split_of(one) for one in moved} == {"test"}
    assert {one.named for one in moved} == {"train", "val"}
    (sentence,) = rule.sentences()
    assert f"train ({rule.moved['train', 'test']:,})" in sentence and "no pictures" in sentence


@pytest.mark.parametrize("only", SPLITS)
def test_pictures_of_one_split_alone_are_divided_as_if_none_was_named(only):
    named, free = _placed(160, only), _placed(160)
    assert _rule(named).pictures == {"train": 128, "val": 16, "test": 16}
    assert list(map(_rule(named).split_of, named)) == list(map(_rule(free).split_of, free))


def test_a_split_that_is_too_small_keeps_its_pictures_and_gets_more():
    few = _placed(3, "test", start=900)
    pictures = [*_placed(100, "train"), *_placed(20, "val", start=500), *few]
    rule = _rule(pictures)
    assert rule.cut == ("test",)
    assert {rule.split_of(one) for one in few} == {"test"}
    assert rule.pictures["test"] == 3 + 12
    assert list(_rule(pictures, min_split=3).cut) == []
    assert list(_rule(pictures, min_split=0).pictures.items()) == [
        ("train", 100),
        ("val", 20),
        ("test", 3),
    ]


def test_pictures_of_two_small_splits_stay_in_theirs():
    # Each lies in the other's share.
    few = [Placed(0.99 + n / 1000, "val", None, 10) for n in range(7)]
    few += [Placed(0.85 + n / 1000, "test", None, 10) for n in range(7)]
    rule = _rule([*_placed(100, "train"), *few])
    assert rule.cut == ("val", "test")
    assert [rule.split_of(one) for one in few] == [one.named for one in few]


def test_a_split_that_cutting_made_too_small_is_cut_too():
    late = [Placed(0.99 + n / 1000, "val", None, 10) for n in range(8)]
    rule = _rule([*_placed(100, "train"), *late])
    assert rule.cut == ("test", "val")
    assert min(rule.pictures.values()) >= 8


def test_small_splits_that_are_all_named_stay():
    pictures = [
        one for place, split in enumerate(SPLITS) for one in _placed(5, split, start=10 * place)
    ]
    assert _rule(pictures).cut == ()
    assert _rule(pictures[:10]).pictures["test"] == 1


def test_a_share_of_nothing_is_not_cut():
    assert _rule(_placed(50, "train"), shares=(0.8, 0.2, 0)).cut == ("val",)


def test_pictures_without_a_name_leave_the_named_ones_where_they_are():
    named = [*_placed(50, "train"), *_placed(20, "val", start=100), *_placed(20, "test", start=200)]
    free = _placed(40, start=300)
    rule = _rule([*named, *free])
    assert all(rule.split_of(one) == one.named for one in named)
    assert _count(rule, free) == {"train": 32, "val": 4, "test": 4}


def test_a_picture_of_a_span_keeps_its_split_in_any_window():
    spans = [_placed(count, span=place, start=1000 * place) for place, count in enumerate((20, 47))]
    both = _rule([*spans[0], *spans[1]])
    for place, pictures in enumerate(spans):
        alone = _rule([one._replace(span=None) for one in pictures])
        for one in pictures:
            assert both.split_of(one) == alone.split_of(one._replace(span=None)), place


def test_tiny_spans_do_not_all_fall_to_train():
    pictures = [one for n in range(300) for one in _placed(3, span=n, start=3 * n)]
    found = _count(_rule(pictures), pictures)
    assert found["val"] > 50 and found["test"] > 50


@pytest.mark.parametrize("count", [60, 2500])
def test_order_and_parts_do_not_matter(count):
    pictures = [*_placed(count, "train"), *_placed(count // 3, start=count)]
    whole = _rule(pictures)
    random.Random(1).shuffle(pictures)
    tally = SplitTally()
    for start in range(0, len(pictures), 7):
        part = SplitTally()
        for one in pictures[start : start + 7]:
            part.add(one)
        tally.merge(part)
    again = SplitRule.of(tally)
    assert again == whole
    assert again.pictures == _count(whole, pictures)


def test_large_sets_are_not_held():
    tally = SplitTally()
    for one in _placed(splits.EXACT_BELOW + 5, "train"):
        tally.add(one)
    assert tally.few == {None: None} and len(tally.counts) == 3


@pytest.mark.parametrize(
    ("total", "shares", "counts"),
    [
        (20, (0.8, 0.1, 0.1), (16, 2, 2)),
        (15, (0.8, 0.1, 0.1), (12, 2, 1)),
        (7, (0.8, 0.1, 0.1), (5, 1, 1)),
        (30, (0.9, 0.1, 0.0), (27, 3, 0)),
        (0, (0.8, 0.1, 0.1), (0, 0, 0)),
    ],
)
def test_exact_counts(total, shares, counts):
    assert exact_counts(total, shares) == counts
