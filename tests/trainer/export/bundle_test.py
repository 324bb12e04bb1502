"""What lies beside a SavedModel, and that it is written whole or not at all."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from trainer.config import STAGES, Experiment
from trainer.export import bundle
from trainer.export.bundle import in_float32, load_encoder
from trainer.models.build import build_encoder
from trainer.settings_loader import SettingsError, from_mapping

GOLDEN = Path(__file__).with_name("weights_golden.json")


def weights_of(directory):
    """{path in the weights file: shape}."""
    found = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = list(item.shape)

    with h5py.File(directory / "assets.extra" / "tuwen" / "weights.weights.h5") as file:
        file.visititems(note)
    return found


def test_the_names_and_shapes_of_saved_weights_stay(trained, tmp_path):
    """Retraining reads these files: a change here means that older models can no longer be read."""
    found = {stage: weights_of(trained(stage).model_dir) for stage in STAGES}
    actual = tmp_path / "weights.json"
    actual.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert found == golden, f"if this is meant, copy {actual} to {GOLDEN}"


@pytest.mark.parametrize("stage", STAGES)
def test_what_retraining_and_a_reader_need_is_beside_it(trained, experiment, prepared, stage):
    side = trained(stage).model_dir / "assets.extra" / "tuwen"
    record = json.loads((side / "experiment.json").read_text(encoding="utf-8"))
    assert record["stage"] == stage
    assert from_mapping(Experiment, record["experiment"], "record") == experiment
    assert (side / "tokens.txt").read_text("utf-8").splitlines() == list(prepared.tokens.tokens)
    assert (side / "attributes.txt").read_text("utf-8").splitlines() == list(prepared.attributes)
    card = (side / "model_card.md").read_text(encoding="utf-8")
    count = trained(stage).summary.parameters[stage]
    for words in (f"# tiny: {stage}", f"{count:,} in float32", "16 x 16", prepared.fingerprint()):
        assert words in card
    assert not trained(stage).model_dir.with_name("model.partial").exists()


@pytest.mark.parametrize("stage", STAGES)
def test_every_signature_is_warmed_up_in_every_batch_size_in_use(trained, served, stage):
    path = trained(stage).model_dir / "assets.extra" / "tf_serving_warmup_requests"
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    warmed = {}
    for log in logs:
        request = log.predict_log.request
        assert request.model_spec.name == stage
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        answer = served(stage).signatures[request.model_spec.signature_name](
            **{key: tf.constant(value) for key, value in inputs.items()}
        )
        (size,) = {len(value) for value in inputs.values()}
        assert {len(value) for value in answer.values()} == {size}
        assert not any(answer["error"].numpy())
        warmed.setdefault(request.model_spec.signature_name, []).append(size)
    assert warmed == {name: [1, 8, 32] for name in served(stage).signatures}


@pytest.mark.parametrize("stage", STAGES)
def test_the_card_says_which_signatures_need_tensorflow_text(trained, served, stage):
    card = (trained(stage).model_dir / "assets.extra" / "tuwen" / "model_card.md").read_text()
    needing = {
        "encoder": "needed by embed_text",
        "captioner": "needed by no signature",
        "generator": f"needed by {', '.join(sorted(served(stage).signatures))}",
    }
    assert f"- tensorflow_text: {needing[stage]}\n" in card


def test_the_encoder_comes_back_with_its_weights(trained, experiment, prepared):
    restored = load_encoder(str(trained("encoder").model_dir), "float32")
    assert restored.experiment == experiment
    assert restored.tokens.tokens == prepared.tokens.tokens
    assert restored.attributes == prepared.attributes
    for found, weight in zip(
        restored.model.get_weights(), trained("encoder").task.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(found, weight)


def test_settings_of_an_exported_encoder_are_checked(trained, tmp_path):
    side = tmp_path / "assets.extra" / "tuwen"
    side.mkdir(parents=True)
    (side / "experiment.json").write_text(
        '{"format": 1, "stage": "encoder", "experiment": {"encoder": {"depth": 3}}}'
    )
    with pytest.raises(SettingsError, match=r"experiment\.json: unknown key 'encoder\.depth'"):
        load_encoder(str(tmp_path), "float32")


def test_an_encoder_trained_in_bfloat16_is_exported_in_float32(trained, experiment, prepared):
    size, attributes = prepared.tokens.size, len(prepared.attributes)
    mixed = build_encoder(experiment, size, attributes, "mixed_bfloat16")
    mixed.set_weights(trained("encoder").task.model.get_weights())
    twin = in_float32(mixed, experiment, prepared)
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    found = twin.image_tower(pictures)
    assert found.grid.dtype == tf.float32
    expected = trained("encoder").task.model.image_tower(pictures)
    np.testing.assert_array_equal(found.embedding, expected.embedding)


def test_an_export_that_fails_leaves_the_former_one(trained, tmp_path, monkeypatch):
    target = tmp_path / "model"
    target.mkdir()
    (target / "saved_model.pb").write_text("the former one")

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(bundle, "write_warmup", full)
    with pytest.raises(OSError, match="no space left"):
        trained("generator").task.export(str(target))
    assert [path.name for path in target.iterdir()] == ["saved_model.pb"]
    monkeypatch.undo()
    trained("generator").task.export(str(target))
    assert (target / "variables").is_dir() and not list(tmp_path.glob("*.partial"))
