"""How the captioner's settings change its steps."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from data.text import START
from trainer.config import TrainingSettings
from trainer.engine.control import Control
from trainer.tasks.captioner import CaptionerTask


@pytest.fixture(autouse=True)
def _eagerly(eagerly):
    with eagerly():
        yield


@pytest.fixture
def make(trained, experiment, prepared):
    encoder = trained("encoder").task.model

    def task(data=prepared, parts=1, changes=None, **chosen):
        changed = replace(
            experiment,
            encoder=replace(experiment.encoder, **changes or {}),
            captioner=replace(experiment.captioner, **chosen),
            training=replace(experiment.training, accumulate=parts),
        )
        return CaptionerTask(changed, data, "float32", encoder)

    return task


def weights_after(task, steps, progress):
    for step in range(steps):
        task.train_step(step, progress, task.batch(step))
    return task.model.get_weights()


def same(weights, others):
    return all(np.array_equal(one, other) for one, other in zip(weights, others, strict=True))


def test_captions_begin_with_their_language(make, prepared):
    task, data = make(), prepared.arrays("train")
    assert task.languages == ("en", "zh")
    rows = range(task.ids.shape[0])
    order = [(picture, place) for picture in range(len(data)) for place in range(2)]
    for row, (picture, place) in zip(rows, order, strict=True):
        tag = data.languages[picture][place]
        assert task.ids[row, 0] == prepared.tokens.size + task.languages.index(tag)
        np.testing.assert_array_equal(task.ids[row, 1:], data.ids[picture, place, 1:])


def test_each_language_is_judged_by_captions_in_it(make, prepared, monkeypatch):
    task, held_out = make(), prepared.arrays("val")
    said = {
        tag: [
            texts[tags.index(tag)]
            for texts, tags in zip(held_out.captions, held_out.languages, strict=True)
        ]
        for tag in ("en", "zh")
    }
    monkeypatch.setattr(
        task, "captions", lambda rows, number: [said[task.languages[number]][row] for row in rows]
    )
    figures = task.validate()
    assert set(figures) == {"bleu4", "cider_d", "bleu4_en", "cider_d_en", "bleu4_zh", "cider_d_zh"}
    assert figures["bleu4_en"] == pytest.approx(1.0) and figures["bleu4_zh"] == pytest.approx(1.0)
    said["zh"] = ["圆"] * len(held_out)
    worse = task.validate()
    assert worse["cider_d_en"] == figures["cider_d_en"] and worse["cider_d_zh"] < 1
    assert worse["cider_d"] == pytest.approx((worse["cider_d_en"] + worse["cider_d_zh"]) / 2)


def test_one_language_begins_as_all_captions_do(make, prepared, monkeypatch):
    arrays = type(prepared).arrays

    def english(self, split):
        found = arrays(self, split)
        return replace(found, languages=[("en",) * len(texts) for texts in found.captions])

    monkeypatch.setattr(type(prepared), "arrays", english)
    task = make()
    assert task.languages == ("en",) and (task.ids[:, 0] == START).all()
    assert task.model.words.embeddings.shape[0] == prepared.tokens.size
    assert set(task.validate()) == {"bleu4", "cider_d"}


def test_own_words_are_heard_more_and_more(make):
    taught = weights_after(make(), 2, 1e-4)
    assert same(weights_after(make(sampled_words=1.0), 2, 1e-4), taught)
    late = weights_after(make(sampled_words=1.0), 2, 0.5)
    assert not same(weights_after(make(), 2, 0.5), late)
    assert same(weights_after(make(sampled_words=1.0), 2, 0.5), late)


def test_the_last_phase_is_self_critical_and_begins_at_its_share(make):
    before = make().train_step(0, 0.79, make().batch(0))
    task = make(self_critical_from=0.8)
    assert task.train_step(0, 0.79, task.batch(0)) == before
    late = task.train_step(1, 0.8, task.batch(1))
    assert set(late) == {"self_critical", "reward", "greedy_reward"}
    never = make(self_critical_from=1.0)
    assert set(never.train_step(0, 1.0, never.batch(0))) == {"cross_entropy"}


def test_a_rate_of_its_own_gives_each_phase_a_schedule_of_its_own(make):
    control, taught = Control(TrainingSettings()), make().settings.learning_rate

    def rate(progress, highest=taught):
        return pytest.approx(float(control.rate(highest, tf.constant(progress))))

    one, own = (
        make(self_critical_from=0.8, self_critical_learning_rate=chosen) for chosen in (None, 1e-4)
    )
    for step, (progress, as_one, as_own) in enumerate(
        [(0.4, rate(0.4), rate(0.5)), (0.85, rate(0.85), rate(0.25, 1e-4))]
    ):
        for task, expected in ((one, as_one), (own, as_own)):
            task.train_step(step, progress, task.batch(step))
            assert float(task.optimizer.learning_rate) == expected, progress


def test_views_are_encoded_as_the_pictures_are_and_changed_as_the_encoder_saw_them(make):
    def losses(**chosen):
        task = make(**chosen)
        assert len(task.batch(0)) == (2 if chosen.get("views") else 3)
        return [
            value
            for step, progress in enumerate((0.1, 0.9))
            for value in task.train_step(step, progress, task.batch(step)).values()
        ]

    still = {"self_critical_from": 0.8, "changes": {"shift": 0}}
    stored = losses(**still)
    np.testing.assert_allclose(losses(views=True, **still), stored, rtol=1e-2, atol=1e-3)
    moved = losses(views=True, **still | {"changes": {"shift": 0, "crop": 0.2}})
    assert abs(moved[0] - stored[0]) > 1e-3


def test_all_together_a_restart_changes_nothing(make):
    chosen = {
        "views": True,
        "layers": 2,
        "sampled_words": 0.5,
        "self_critical_from": 0.5,
        "no_repeat": 2,
        "attention": "none",
    }

    def run(task, steps):
        for step in steps:
            task.train_step(step, step / 4, task.batch(step))
        return [variable.numpy() for part in task.state().values() for variable in part.variables]

    straight = run(make(**chosen), range(4))
    halfway, resumed = run(make(**chosen), range(3)), make(**chosen)
    variables = [variable for part in resumed.state().values() for variable in part.variables]
    for variable, value in zip(variables, halfway, strict=True):
        variable.assign(value)
    assert same(run(resumed, [3]), straight) and not same(halfway, straight)


def test_parts_of_a_batch_teach_what_the_whole_does_in_every_phase(make):
    chosen = {"sampled_words": 0.5, "self_critical_from": 0.9, "layers": 2, "dropout": 0.3}
    chosen |= {"views": True, "changes": {"crop": 0.3, "flip": True, "colour": 0.5}}
    whole, parts = make(**chosen), make(parts=2, **chosen)
    for step, progress in enumerate((0.3, 0.6, 0.9)):
        expected, losses = (
            task.train_step(step, progress, task.batch(step)) for task in (whole, parts)
        )
        assert expected.keys() == losses.keys() and int(parts.optimizer.iterations) == step + 1
        for name, value in losses.items():
            assert float(value) == pytest.approx(float(expected[name]), rel=1e-4), (step, name)


def test_a_rollback_brings_other_captions_other_draws_and_half_the_rate(make):
    task = make()
    before = task.batch(0)[-1], task.control.seed(0).numpy()
    task.control.rollback_count.assign(1)
    assert not np.array_equal(task.batch(0)[-1], before[0])
    assert not np.array_equal(task.control.seed(0).numpy(), before[1])
    task.train_step(0, 0.5, task.batch(0))
    rate = float(Control(TrainingSettings()).rate(task.settings.learning_rate, tf.constant(0.5)))
    assert float(task.optimizer.learning_rate) == pytest.approx(rate / 2)


def test_without_references_no_figure_counts(make, prepared, monkeypatch):
    arrays = type(prepared).arrays

    def unheard(self, split):
        found = arrays(self, split)
        tags = [("fr",) * len(texts) for texts in found.captions]
        return replace(found, languages=tags) if split == "val" else found

    assert make().selection_metric == ("cider_d", True)
    monkeypatch.setattr(type(prepared), "arrays", unheard)
    task = make()
    assert task.selection_metric is None and task.validate() == {}
