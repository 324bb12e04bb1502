"""`train` as a whole: what it leaves, and what it refuses to begin."""

import json
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from data.text import Vocabulary
from trainer.config import STAGES
from trainer.engine import loop
from trainer.settings_loader import SettingsError, to_mapping
from trainer.train import train

LOSSES = {
    "encoder": {"contrastive", "attributes", "attributes_from_text"},
    "captioner": {"cross_entropy"},
    "generator": {"d_matched", "d_mismatched", "g_adversarial", "g_contrastive"},
}
FIGURES = {
    "encoder": {"image_to_text", "text_to_image", "f1_micro", "f1_macro"},
    "captioner": {f"{name}{tag}" for name in ("bleu4", "cider_d") for tag in ("", "_en", "_zh")},
    "generator": {"kid_encoder", "r_precision", "spread", "discriminator_gap"},
}


@pytest.mark.parametrize("stage", STAGES)
def test_records_samples_and_summary_are_left(trained, experiment, stage):
    done = trained(stage)
    lines = (done.work_dir / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    *_, last, held_out = [json.loads(line) for line in lines]
    assert last["step"] == held_out["step"] == 10 and last["images"] == 80
    assert last.keys() >= LOSSES[stage] | {"seconds", "images_per_second"}
    assert all(np.isfinite(value) for value in last.values())
    names = {name.removeprefix("val_").partition("_1of")[0] for name in held_out if "val_" in name}
    assert names == FIGURES[stage]

    summary = json.loads((done.work_dir / "summary.json").read_text(encoding="utf-8"))
    assert summary == asdict(done.summary)
    assert (summary["stage"], summary["steps"], summary["precision"]) == (stage, 10, "float32")
    assert all(count > 0 for count in summary["parameters"].values())
    assert {f"val_{name}" for name in summary["validation"]} <= held_out.keys()
    assert list((done.work_dir / "tensorboard").iterdir())
    assert list((done.work_dir / "checkpoints").glob("*.index"))
    assert (done.model_dir / "saved_model.pb").is_file()
    beside = done.model_dir / "assets.extra" / "tuwen" / "summary.json"
    assert json.loads(beside.read_text(encoding="utf-8")) == summary
    assert summary["held_out"] == 16
    assert not list(done.work_dir.rglob("*.tmp"))


def test_the_generator_leaves_a_grid_of_held_out_captions(trained, experiment):
    path = trained("generator").work_dir / "samples" / "step-000010.png"
    grid = tf.io.decode_png(path.read_bytes())
    side = experiment.data.resolution
    assert grid.shape == (2 * side, 8 * side, 3)


def test_the_captioner_learns_no_unknown_words(trained, prepared):
    """Some training captions hold unknown words, which no caption can ever say."""
    path = trained("captioner").work_dir / "progress.jsonl"
    loss = json.loads(path.read_text(encoding="utf-8").splitlines()[-2])["cross_entropy"]
    assert loss < np.log(prepared.tokens.size)


def test_names_do_not_depend_on_what_the_process_built_before(
    trained, experiment, prepared, tmp_path, monkeypatch
):
    """With other numbers in the names of layers, TensorFlow's graphs give other last bits."""
    encoder = str(trained("encoder").model_dir)

    class Begun(Exception):
        """Carries the names of a training that is about to begin."""

    def begin(task, *_):
        raise Begun([variable.path for variable in task.model.variables])

    def names(directory):
        with pytest.raises(Begun) as begun:
            train(experiment, "captioner", prepared, str(tmp_path / directory), None, encoder)
        return begun.value.args[0]

    monkeypatch.setattr(loop, "run", begin)
    first = names("first")
    keras.layers.Dense(2), keras.layers.Embedding(2, 2)
    assert names("second") == first
    assert any("dense" in name for name in first)


@pytest.mark.parametrize("stage", ["captioner", "generator"])
def test_the_encoder_stays_as_it_was(trained, stage):
    before, after = (
        task.get_weights() for task in (trained("encoder").task.model, trained(stage).task.encoder)
    )
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_the_exported_average_follows_the_generator(trained, experiment):
    """average <- keep * average + (1 - keep) * generator, from the last two checkpoints."""
    directory = trained("generator").work_dir / "checkpoints"
    before, after = (tf.train.load_checkpoint(str(directory / f"ckpt-{step}")) for step in (9, 10))
    batch = experiment.generator.batch_size
    keep = 0.5 ** (batch / min(experiment.generator.ema_images, 0.05 * 10 * batch))
    names = [name for name in after.get_variable_to_shape_map() if name.startswith("average/")]
    assert len(names) > 10 and 0.1 < keep < 0.9
    for name in names:
        weight = after.get_tensor(name.replace("average/", "generator/", 1))
        expected = weight + keep * (before.get_tensor(name) - weight)
        np.testing.assert_allclose(after.get_tensor(name), expected, atol=1e-6)


def test_a_work_dir_of_other_settings_is_refused(trained, experiment, prepared):
    done = trained("encoder")
    other = replace(experiment, encoder=replace(experiment.encoder, dropout=0.2))
    kept = {path: path.stat().st_mtime_ns for path in done.work_dir.rglob("*")}
    with pytest.raises(SettingsError, match=r"other settings or data\. Delete it") as caught:
        train(other, "encoder", prepared, str(done.work_dir), str(done.model_dir))
    assert str(done.work_dir) in str(caught.value)
    assert kept == {path: path.stat().st_mtime_ns for path in done.work_dir.rglob("*")}


def test_a_work_dir_of_other_data_is_refused(trained, experiment, prepared):
    done = trained("encoder")
    fewer = replace(prepared, attributes=prepared.attributes[:-1])
    with pytest.raises(SettingsError, match="other settings or data"):
        train(experiment, "encoder", fewer, str(done.work_dir), str(done.model_dir))


def test_data_prepared_otherwise_is_refused(tmp_path, experiment, prepared):
    larger = replace(experiment, data=replace(experiment.data, resolution=32))
    longer = replace(experiment, data=replace(experiment.data, max_length=9))
    for other, words in (
        (larger, "resolution is 32, .*with 16"),
        (longer, "max_length is 9, .*with 8"),
    ):
        with pytest.raises(SettingsError, match=words):
            train(other, "encoder", prepared, str(tmp_path / "work"), str(tmp_path / "model"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stage", ["captioner", "generator"])
def test_the_later_stages_need_an_encoder(tmp_path, experiment, prepared, stage):
    with pytest.raises(SettingsError, match=f"{stage}: needs a trained encoder; train .*'encoder'"):
        train(experiment, stage, prepared, str(tmp_path / "work"), str(tmp_path / "model"))
    with pytest.raises(SettingsError, match="no exported encoder here") as caught:
        train(experiment, stage, prepared, str(tmp_path / "w"), str(tmp_path / "m"), str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_another_model_is_no_encoder(tmp_path, trained, experiment, prepared):
    captioner = str(trained("captioner").model_dir)
    with pytest.raises(SettingsError, match="an exported captioner, not an encoder"):
        train(
            experiment, "generator", prepared, str(tmp_path / "w"), str(tmp_path / "m"), captioner
        )


def test_an_encoder_of_another_vocabulary_is_refused(tmp_path, trained, experiment, prepared):
    encoder = str(trained("encoder").model_dir)
    other = replace(prepared, tokens=Vocabulary(prepared.tokens.tokens[::-1]))
    with pytest.raises(SettingsError, match="knows another vocabulary") as caught:
        train(experiment, "captioner", other, str(tmp_path / "w"), str(tmp_path / "m"), encoder)
    assert encoder in str(caught.value) and "'encoder' on the same data" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_stage_is_refused(tmp_path, experiment, prepared):
    with pytest.raises(SettingsError, match=r"'encodr'.*mean 'encoder'"):
        train(experiment, "encodr", prepared, str(tmp_path / "w"), str(tmp_path / "m"))


@pytest.mark.parametrize("stage", STAGES)
def test_the_parts_of_a_batch_must_be_equal(tmp_path, experiment, prepared, stage):
    other = replace(experiment, training=replace(experiment.training, accumulate=3))
    with pytest.raises(
        SettingsError, match=rf"{stage}.batch_size = 8: .*accumulate \(3\) times .*\(1\)"
    ):
        train(other, stage, prepared, str(tmp_path / "w"), str(tmp_path / "m"))


@pytest.mark.parametrize(
    ("stage", "figures"),
    [
        ("captioner", {"cider_d": [0.1, 0.3, 0.2, 0.2]}),
        ("generator", {"kid_encoder": [0.3, 0.1, 0.2, 0.2], "spread": [1.0] * 4}),
    ],
)
def test_the_later_stages_end_when_patience_does_and_keep_the_best(
    tmp_path, trained, experiment, prepared, monkeypatch, eagerly, stage, figures
):
    encoder, task = str(trained("encoder").model_dir), type(trained(stage).task)

    def validate(self):
        done = int(self.state()["optimizer" if stage == "captioner" else "optimizer_0"].iterations)
        return {name: values[done - 1] for name, values in figures.items()}

    monkeypatch.setattr(task, "validate", validate)
    changes = {"steps": 20, "check_steps": 1, "patience": 2, "keep": "best"}
    other = replace(experiment, training=replace(experiment.training, **changes))
    with eagerly():
        summary = train(other, stage, prepared, str(tmp_path / "work"), None, encoder)
    assert (summary.steps, summary.kept_step) == (4, 2)
    assert summary.validation == {name: values[1] for name, values in figures.items()}
    assert summary.stop_reason == f"2 checks brought no better {next(iter(figures))}"


def test_identity_holds_all_settings_that_decide_what_is_learned(trained, experiment):
    identity = json.loads((trained("encoder").work_dir / "identity.json").read_text("utf-8"))
    learned = {key: value for key, value in to_mapping(experiment).items() if key != "export"}
    assert identity["experiment"] == learned and identity["stage"] == "encoder"
