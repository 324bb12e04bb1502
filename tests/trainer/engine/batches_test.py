"""Batches as a function of seed and step."""

import numpy as np
import pytest

from trainer.engine.batches import Sampler, SimilarLengths


def test_each_epoch_has_every_row_once():
    sampler = Sampler(count=30, batch_size=8, seed=3)
    rows = np.concatenate([sampler.rows(step) for step in range(15)])
    assert rows.shape == (120,)
    epochs = rows.reshape(4, 30)
    assert (np.sort(epochs) == np.arange(30)).all()
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_a_batch_may_span_several_epochs():
    rows = Sampler(count=3, batch_size=9, seed=0).rows(1)
    assert np.bincount(rows).tolist() == [3, 3, 3]


def test_a_step_sees_the_same_in_whatever_order_steps_are_asked():
    sampler = Sampler(30, 8, 3)
    forward = [sampler.rows(step).tolist() for step in range(12)]
    assert [sampler.rows(step).tolist() for step in reversed(range(12))] == forward[::-1]
    assert Sampler(30, 8, 3).rows(9).tolist() == forward[9]


def test_another_seed_gives_another_order():
    assert Sampler(30, 8, 3).rows(0).tolist() != Sampler(30, 8, 4).rows(0).tolist()


def test_a_rollback_brings_another_order_of_the_same_rows():
    for sampler in (Sampler(30, 10, 3), SimilarLengths(np.arange(160), 10, 3)):
        rows = [sampler.rows(0, turn) for turn in range(3)]
        assert len({tuple(order) for order in rows}) == 3
        assert sampler.rows(0).tolist() == rows[0].tolist()
    epoch = np.concatenate([Sampler(30, 10, 3).rows(step, turn=1) for step in range(3)])
    assert (np.sort(epoch) == np.arange(30)).all()
    counts = np.full(12, 5)
    drawn = [Sampler(12, 12, 0).captions(7, counts, turn).tolist() for turn in (0, 1)]
    assert drawn[0] != drawn[1]


def test_captions_are_drawn_below_each_count_and_evenly():
    counts = np.array([1, 2, 5] * 4)
    sampler = Sampler(12, 12, 0)
    drawn = np.array([sampler.captions(step, counts) for step in range(2000)])
    assert drawn.min() == 0 and (drawn.max(axis=0) == counts - 1).all()
    shares = np.bincount(drawn[:, 2], minlength=5) / 2000
    np.testing.assert_allclose(shares, 0.2, atol=0.05)
    np.testing.assert_array_equal(drawn[7], Sampler(12, 12, 0).captions(7, counts))
    assert (Sampler(12, 12, 1).captions(7, counts) != drawn[7]).any()


def test_nothing_to_draw_from_is_refused():
    with pytest.raises(ValueError, match="the training split is empty"):
        Sampler(0, 8, 3)


LENGTHS = np.random.default_rng(0).integers(3, 33, 320)


def test_sequences_of_a_batch_are_about_as_long():
    sampler = SimilarLengths(LENGTHS, batch_size=10, seed=3)
    batches = [sampler.rows(step) for step in range(64)]
    spread = np.mean([np.ptp(LENGTHS[rows]) for rows in batches])
    assert spread < 0.3 * np.mean([np.ptp(LENGTHS[Sampler(320, 10, 3).rows(s)]) for s in range(64)])
    for epoch in (batches[:32], batches[32:]):
        assert (np.sort(np.concatenate(epoch)) == np.arange(320)).all()
    longest = [LENGTHS[rows].max() for rows in batches[:8]]
    assert longest != sorted(longest), "short ones would always come first"


def test_a_batch_is_cut_to_few_widths_that_hold_its_longest():
    sampler = SimilarLengths(LENGTHS, batch_size=10, seed=3)
    batches = [sampler.rows(step) for step in range(64)]
    widths = [sampler.width(rows) for rows in batches]
    assert all(0 <= w - LENGTHS[rows].max() < 4 for w, rows in zip(widths, batches, strict=True))
    assert all(width % 4 == 0 for width in widths) and len(set(widths)) <= 8


def test_few_sequences_make_whole_batches_in_whatever_order_they_are_asked():
    sampler = SimilarLengths(np.array([5, 9, 7]), batch_size=4, seed=0)
    forward = [sampler.rows(step).tolist() for step in range(20)]
    assert [sampler.rows(step).tolist() for step in reversed(range(20))] == forward[::-1]
    assert all(len(rows) == 4 for rows in forward)
    assert sorted(np.bincount(np.concatenate(forward[:16]))) == [21, 21, 22]
