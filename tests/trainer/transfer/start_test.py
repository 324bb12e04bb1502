"""Trainings that start from an earlier model: of the same data, other words, sizes, languages."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from data.prepared import prepare
from data.scenes import as_captioned_images
from trainer.config import STAGES
from trainer.engine import loop
from trainer.engine.checkpoints import newest_whole
from trainer.export.bundle import load_encoder
from trainer.settings_loader import SettingsError
from trainer.train import train
from trainer.transfer.start import read
from trainer.transfer.weights import named_weights


def encoder_of(trained, stage):
    return None if stage == "encoder" else str(trained("encoder").model_dir)


def begun(monkeypatch, experiment, stage, prepared, work_dir, encoder, start):
    """The task as it is before its first step."""

    class Begun(Exception):
        pass

    tasks = []

    def run(task, *rest):
        tasks.append(task)
        raise Begun

    with monkeypatch.context() as patch:
        patch.setattr(loop, "run", run)
        with pytest.raises(Begun):
            train(experiment, stage, prepared, str(work_dir), None, encoder, str(start))
    return tasks[0]


def prepare_as(scenes, directory, experiment):
    data = experiment.data
    return prepare(
        scenes,
        str(directory),
        resolution=data.resolution,
        max_captions=data.max_captions,
        max_length=data.max_length,
        vocabulary_size=data.vocabulary_size,
        min_count=data.min_count,
    )


def weights(model):
    return {name: weight.numpy() for name, weight in named_weights(model).items()}


def networks(task):
    """The trained networks of a task by name."""
    parts = {name: part for name, part in task.state().items() if hasattr(part, "weights")}
    return {name: part for name, part in parts.items() if name not in ("average",)}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("kind", ["model_dir", "work_dir"])
def test_on_the_same_data_it_begins_where_the_earlier_one_ended(
    tmp_path, monkeypatch, trained, experiment, prepared, stage, kind
):
    """From an export and from a checkpoint, to the bit, with the same held-out figures."""
    done, encoder = trained(stage), encoder_of(trained, stage)
    start = getattr(done, kind)
    task = begun(monkeypatch, experiment, stage, prepared, tmp_path, encoder, start)
    assert task.start["new"] == task.start["left"] == task.start["grown"] == []
    before, after = done.task.state(), task.state()
    names = ["average", "posterior", "discriminator_0"] if stage == "generator" else ["model"]
    for name in names:
        old, new = before[name].weights, after[name].weights
        assert all(np.array_equal(a, b) for a, b in zip(old, new, strict=True)), name
    figures = task.validate()
    shared = figures.keys() - {"discriminator_gap"}
    assert shared and {key: figures[key] for key in shared} == {
        key: done.summary.validation[key] for key in shared
    }
    if stage == "generator":
        same = zip(task.generator.weights, task.average.weights, strict=True)
        assert all(np.array_equal(a, b) for a, b in same)


def test_its_first_loss_is_the_earlier_models_next_one(
    tmp_path, monkeypatch, trained, experiment, prepared
):
    done = trained("captioner")
    encoder = encoder_of(trained, "captioner")
    task = begun(monkeypatch, experiment, "captioner", prepared, tmp_path, encoder, done.model_dir)
    batch = task.batch(10)
    losses = [one.train_step(10, 0.0, batch)["cross_entropy"].numpy() for one in (task,)]
    fresh = begun_from_nothing(monkeypatch, experiment, prepared, tmp_path / "fresh", encoder)
    again = begun(
        monkeypatch, experiment, "captioner", prepared, tmp_path / "b", encoder, done.work_dir
    )
    losses.append(again.train_step(10, 0.0, batch)["cross_entropy"].numpy())
    assert losses[0] == losses[1]
    assert fresh.train_step(10, 0.0, batch)["cross_entropy"].numpy() > losses[0]


def begun_from_nothing(monkeypatch, experiment, prepared, work_dir, encoder):
    tasks = []
    with monkeypatch.context() as patch:
        patch.setattr(loop, "run", lambda task, *rest: tasks.append(task) or 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(experiment, "captioner", prepared, str(work_dir), None, encoder)
    return tasks[0]


@pytest.fixture(scope="module")
def larger(tmp_path_factory, experiment):
    """Data with more words and labels than those that the models know."""
    changed = replace(experiment, data=replace(experiment.data, vocabulary_size=60))
    records = list(as_captioned_images(64, 16, seed=3, languages=("zh", "en", "zh")))
    splits = {"train": records[:48], "val": records[48:]}
    return changed, prepare_as(splits, tmp_path_factory.mktemp("larger") / "data", changed)


def test_words_and_labels_keep_their_rows_to_the_bit(
    tmp_path, monkeypatch, trained, prepared, larger
):
    experiment, data = larger
    old = weights(trained("encoder").task.model)
    start = trained("encoder").model_dir
    task = begun(monkeypatch, experiment, "encoder", data, tmp_path, None, start)
    new = weights(task.model)
    before, after = prepared.tokens.pieces, data.tokens.pieces
    kept = [word for word in after if word in before]
    assert 10 < len(kept) < len(after) and before[: len(after)] != after[: len(before)]
    rows = [[words.index(word) for word in kept] for words in (before, after)]
    name = "text_tower/words/embeddings"
    np.testing.assert_array_equal(old[name][rows[0]], new[name][rows[1]])
    shared = [label for label in data.attributes if label in prepared.attributes]
    columns = [[x.attributes.index(label) for label in shared] for x in (prepared, data)]
    assert shared and columns[0] != columns[1]
    for tower in ("image_tower", "text_tower"):
        for part in ("kernel", "bias"):
            name = f"{tower}/recognise/{part}"
            np.testing.assert_array_equal(old[name][..., columns[0]], new[name][..., columns[1]])
    assert task.start["words"]["new"] == len(after) - len(kept)
    assert "text_tower/words/embeddings" in task.start["grown"]


def test_a_captioner_grows_by_words_and_languages(
    tmp_path, monkeypatch, trained, experiment, prepared, larger
):
    changed, data = larger
    encoder = train(changed, "encoder", data, str(tmp_path / "e"), str(tmp_path / "encoder"))
    assert encoder.start is None
    done = trained("captioner")
    task = begun(
        monkeypatch,
        changed,
        "captioner",
        data,
        tmp_path / "c",
        str(tmp_path / "encoder"),
        done.model_dir,
    )
    old, new = weights(done.task.model), weights(task.model)
    before, after = prepared.tokens.pieces, data.tokens.pieces
    kept = [word for word in after if word in before]
    rows = [[words.index(word) for word in kept] for words in (before, after)]
    np.testing.assert_array_equal(old["vocabulary/bias"][rows[0]], new["vocabulary/bias"][rows[1]])
    fresh = [number for number, word in enumerate(after) if word not in before]
    counts = task.model.frequencies + 1.0
    expected = np.log(counts / counts.sum()).astype(np.float32)[fresh]
    np.testing.assert_array_equal(new["vocabulary/bias"][fresh], expected)
    tags = [task.languages.index(tag) for tag in done.task.languages]
    np.testing.assert_array_equal(
        old["words/embeddings"][len(before) :], new["words/embeddings"][len(after) :][tags]
    )


def test_all_blocks_that_both_resolutions_have_are_kept(
    tmp_path, monkeypatch, trained, experiment, scenes
):
    """From 16 to 32 pixels, with half the widths and twice the widest."""
    pictures = {
        split: list(as_captioned_images(16, 32, seed=1, languages=("en", "zh", "en")))
        for split in scenes
    }
    changed = replace(
        experiment,
        data=replace(experiment.data, resolution=32),
        generator=replace(experiment.generator, width=2, discriminator_width=2, widest=8),
    )
    data = prepare_as(pictures, tmp_path / "data", changed)
    start = trained("encoder").model_dir
    train(
        changed, "encoder", data, str(tmp_path / "e"), str(tmp_path / "encoder"), None, str(start)
    )
    record = json.loads((tmp_path / "e" / "summary.json").read_text("utf-8"))["start"]
    assert record["resized"] == ["image_tower/stem/kernel"]
    assert [name for name in record["new"] if "image_tower" in name] == []

    done = trained("generator")
    task = begun(
        monkeypatch, changed, "generator", data, tmp_path / "g", str(tmp_path / "encoder"),
        done.model_dir,
    )  # fmt: skip
    blocks = {
        name
        for part in ("generator", "discriminator")
        for name in (f"{part}/{one}" for one in weights(networks(done.task)[
            "generator" if part == "generator" else "discriminator_0"]))
        if "blocks/" in name
    }  # fmt: skip
    assert len(blocks) > 20
    assert blocks <= {*task.start["taken"], *task.start["grown"]}
    new = {name.split(" ")[0] for name in task.start["new"]}
    assert {"generator/to_rgb/at_16/kernel", "generator/blocks/at_16/first/kernel"} <= new
    old, now = weights(done.task.average), weights(task.generator)
    name = "blocks/at_8/second/kernel"
    np.testing.assert_array_equal(old[name], now[name])


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_training_goes_on_from_its_own_checkpoint(
    tmp_path, monkeypatch, trained, experiment, prepared, stage
):
    """Ten steps from an earlier model equal five, a kill and five more."""
    done, encoder = trained(stage), encoder_of(trained, stage)
    other = replace(experiment, training=replace(experiment.training, seed=7))
    killed, step = tmp_path / "killed", type(done.task).train_step
    monkeypatch.setattr(type(done.task), "export", lambda self, directory: None)

    def watched(self, number, *rest):
        if number == 5 and not killed.exists():
            shutil.copytree(tmp_path / "straight", killed)
        return step(self, number, *rest)

    monkeypatch.setattr(type(done.task), "train_step", watched)
    start = str(done.model_dir)
    straight = train(other, stage, prepared, str(tmp_path / "straight"), None, encoder, start)
    resumed = train(other, stage, prepared, str(killed), None, encoder, start)
    assert straight.validation == resumed.validation and straight.start == resumed.start
    states = []
    for place in (tmp_path / "straight", killed):
        reader = tf.train.load_checkpoint(str(newest_whole(str(place))))
        names = [name for name in reader.get_variable_to_shape_map() if "/" in name]
        states.append({name: reader.get_tensor(name) for name in names})
    assert states[0].keys() == states[1].keys()
    apart = [name for name in states[0] if not np.array_equal(states[0][name], states[1][name])]
    assert [name for name in apart if not name.startswith(("elapsed", "save_counter"))] == []


def test_another_start_is_another_training(tmp_path, trained, experiment, prepared, eagerly):
    other = replace(experiment, training=replace(experiment.training, steps=1))
    with eagerly():
        train(other, "encoder", prepared, str(tmp_path), None)
        with pytest.raises(SettingsError, match="other settings or data"):
            start = str(trained("encoder").model_dir)
            train(other, "encoder", prepared, str(tmp_path), None, None, start)


def test_a_wrong_place_says_what_was_expected(tmp_path, trained):
    with pytest.raises(SettingsError, match="nowhere is no directory; expected a pushed or"):
        read(str(tmp_path / "nowhere"), "encoder")
    with pytest.raises(SettingsError, match=r"holds neither; expected .*assets.extra/tuwen"):
        read(str(tmp_path), "encoder")
    with pytest.raises(SettingsError, match="holds a captioner; expected a encoder"):
        read(str(trained("captioner").model_dir), "encoder")
    with pytest.raises(SettingsError, match="holds a captioner; expected a generator"):
        read(str(trained("captioner").work_dir), "generator")


def test_a_model_that_shares_nothing_is_refused(tmp_path, trained, experiment, prepared):
    generator = replace(experiment.generator, architecture="dcgan", reconstruction_weight=0,
                        adversarial_from=0)  # fmt: skip
    other = replace(experiment, generator=generator)
    encoder, start = str(trained("encoder").model_dir), str(trained("captioner").model_dir)
    with pytest.raises(SettingsError, match="holds a captioner"):
        train(other, "generator", prepared, str(tmp_path / "w"), None, encoder, start)
    wider = replace(experiment, captioner=replace(experiment.captioner, units=12, embedding=5))
    with pytest.raises(SettingsError, match="shares no kernel with the captioner"):
        bare = replace(wider, captioner=replace(wider.captioner, attention="none"))
        train(bare, "captioner", prepared, str(tmp_path / "c"), None, encoder, start)


def test_the_record_goes_beside_the_model(tmp_path, trained, experiment, prepared, eagerly, capsys):
    other = replace(experiment, training=replace(experiment.training, steps=1))
    start = trained("encoder").model_dir
    with eagerly():
        summary = train(
            other, "encoder", prepared, str(tmp_path / "w"), str(tmp_path / "m"), None, str(start)
        )
    assert summary.start["source"] == str(start) and len(summary.start["taken"]) > 20
    side = tmp_path / "m" / "assets.extra" / "tuwen"
    card = (side / "model_card.md").read_text("utf-8")
    (line, *_) = summary.start["lines"]
    assert f"## Start\n\n- {line}" in card and card.index("## Start") < card.index("## Limits")
    assert json.loads((side / "summary.json").read_text("utf-8"))["start"] == summary.start
    assert f"encoder: {line}" in capsys.readouterr().err
    assert load_encoder(str(tmp_path / "m"), "float32").tokens.size == prepared.tokens.size
