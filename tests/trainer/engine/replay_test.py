"""A share of every step comes from older spans, the same one whoever asks and whenever."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from data.prepared import prepare
from trainer.config import STAGES
from trainer.engine.batches import Replay, record_of, sampler_of, spans_of
from trainer.settings_loader import SettingsError
from trainer.train import train

SPANS = np.array([1] * 6 + [3] * 10)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_the_share_is_kept_step_by_step_and_exactly_in_the_long_run(share):
    drawn = sampler_of(SPANS, 8, 0, share)
    older = [int((SPANS[drawn.rows(step)] == 1).sum()) for step in range(40)]
    assert sum(older) == int(40 * 8 * share)
    assert max(older) - min(older) <= 1
    assert all(len(drawn.rows(step)) == 8 for step in range(3))


def test_each_kind_is_drawn_epoch_by_epoch():
    drawn = sampler_of(SPANS, 8, 0, 0.25)
    rows = np.concatenate([drawn.rows(step) for step in range(15)])
    counts = np.bincount(rows, minlength=16)
    assert set(counts[:6]) == {5}
    assert set(counts[6:]) == {9}


def test_rows_are_a_function_of_seed_step_and_turn():
    first, again = (sampler_of(SPANS, 8, 5, 0.25) for _ in range(2))
    again.rows(1)
    np.testing.assert_array_equal(first.rows(7), again.rows(7))
    assert not np.array_equal(first.rows(7), first.rows(7, turn=1))
    assert not np.array_equal(first.rows(7), sampler_of(SPANS, 8, 6, 0.25).rows(7))


def test_older_rows_stand_anywhere_in_a_batch():
    drawn = sampler_of(SPANS, 8, 0, 0.25)
    first_half = [int((SPANS[drawn.rows(step)[:4]] == 1).sum()) for step in range(30)]
    assert 15 < sum(first_half) < 45


@pytest.mark.parametrize(("spans", "share"), [(SPANS, None), (np.zeros(16, int), 0.25)])
def test_without_a_share_or_older_spans_all_are_drawn_alike(spans, share):
    assert not isinstance(sampler_of(spans, 8, 0, share), Replay)


def test_spans_are_read_off_the_names_of_pictures():
    names = ["span-12/a/b.png", "span-3/c.png", "plain.png", "my-span-4/d.png"]
    assert spans_of(names).tolist() == [12, 3, 0, 0]


def test_the_record_counts_pictures_by_span():
    assert record_of(SPANS, 0.25) == {
        "share": 0.25, "newest": 3, "pictures": {"1": 6, "3": 10},
    }  # fmt: skip
    assert record_of(SPANS, None) is None
    assert record_of(np.full(4, 2), 0.25)["share"] == 0.0


@pytest.fixture(scope="module")
def spanned(tmp_path_factory, experiment, scenes):
    """The tiny data as a window of two spans, the newest the smaller one."""
    named = {
        split: [
            replace(one, image_id=f"span-{1 + (place % 4 == 0)}/{one.image_id}")
            for place, one in enumerate(records)
        ]
        for split, records in scenes.items()
    }
    data = experiment.data
    return prepare(
        named,
        str(tmp_path_factory.mktemp("spanned") / "data"),
        resolution=data.resolution,
        max_captions=data.max_captions,
        max_length=data.max_length,
        vocabulary_size=data.vocabulary_size,
        min_count=data.min_count,
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_training_with_replay_goes_on_with_the_same_examples(
    tmp_path, monkeypatch, trained, experiment, spanned, stage, eagerly
):
    changed = replace(experiment, training=replace(experiment.training, steps=4, replay=0.5))
    kind, seen = type(trained(stage).task), []
    step = kind.train_step
    killed = tmp_path / "killed"

    def watched(self, number, progress, batch):
        if number == 2 and not killed.exists():
            shutil.copytree(tmp_path / "work", killed)
        seen.append((number, batch[0]))
        return step(self, number, progress, batch)

    monkeypatch.setattr(kind, "train_step", watched)
    with eagerly():
        encoder = None
        if stage != "encoder":
            encoder = str(tmp_path / "encoder")
            train(changed, "encoder", spanned, str(tmp_path / "e"), encoder)
            seen.clear()
        straight = train(changed, stage, spanned, str(tmp_path / "work"), None, encoder)
        resumed = train(changed, stage, spanned, str(killed), None, encoder)
    numbers = [number for number, _ in seen]
    assert numbers == [0, 1, 2, 3, 2, 3]
    assert all(np.array_equal(seen[2 + i][1], seen[4 + i][1]) for i in range(2))
    assert straight.replay == {"share": 0.5, "newest": 2, "pictures": {"1": 24, "2": 8}}
    assert straight.validation == resumed.validation


@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_a_share_is_below_1(experiment, value):
    with pytest.raises(SettingsError, match="replay"):
        replace(experiment.training, replay=value)
