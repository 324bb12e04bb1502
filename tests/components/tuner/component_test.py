"""The node, and `Do` as TFX drives it: artefacts in, the winner and the table of trials out."""

import json

import pytest
from tfx import v1 as tfx
from tfx.components.tuner import component as standard
from tfx.dsl.components.base import base_executor
from tfx.types import channel_utils, standard_artifacts
from tfx.utils import json_utils, proto_utils

from components.tuner import executor
from components.tuner.component import Tuner
from data.prepared import prepare
from data.scenes import as_captioned_images
from trainer import tuning
from trainer.config import DataSettings, Experiment
from trainer.settings_loader import to_mapping
from trainer.trials import read_table
from trainer.tuner_fn import TunerFnResult
from trainer.tuning_settings import Knob, TuningSettings


@pytest.fixture
def artefacts(tmp_path):
    """Outputs of Transform for a few scenes."""
    scenes = list(as_captioned_images(6, 16, seed=0))
    data = DataSettings(16, max_captions=2, max_length=8, vocabulary_size=24, min_count=1)
    prepared = prepare(
        {"train": scenes[:4], "val": scenes[4:]}, str(tmp_path / "data"), **vars(data)
    )
    assets = tmp_path / "graph" / "transform_fn" / "assets"
    assets.mkdir(parents=True)
    prepared.tokens.write(str(assets / "tokens"))
    (assets / "attributes").write_text("".join(f"{name}\n" for name in prepared.attributes))
    for split in ("train", "val"):
        (tmp_path / "examples" / f"Split-{split}").mkdir(parents=True)
        (tmp_path / "data" / f"{split}.tfrecord.gz").rename(
            tmp_path / "examples" / f"Split-{split}" / "part-0.gz"
        )
    examples = artefact(standard_artifacts.Examples, tmp_path / "examples")
    examples.split_names = json.dumps(["train", "val"])
    return Experiment(data=data), {
        "examples": [examples],
        "transform_graph": [artefact(standard_artifacts.TransformGraph, tmp_path / "graph")],
    }


def artefact(kind, path):
    made = kind()
    made.uri = str(path)
    path.mkdir(exist_ok=True)
    return made


def test_channels_are_those_of_the_standard_tuner():
    examples = channel_utils.as_channel([standard_artifacts.Examples()])
    node = Tuner(examples=examples, tuner_fn="trainer.tuner_fn.tuner_fn", custom_config={"a": 1})
    assert isinstance(node, tfx.components.Tuner)
    assert node.EXECUTOR_SPEC.executor_class is executor.Executor
    assert {key: channel.type for key, channel in node.outputs.items()} == {
        "best_hyperparameters": standard_artifacts.HyperParameters,
        "tuner_results": standard_artifacts.TunerResults,
    }


def test_the_result_has_the_fields_of_tfx():
    assert TunerFnResult._fields == standard.TunerFnResult._fields


def test_do_leaves_the_winner_and_the_table(tmp_path, artefacts, monkeypatch, capsys):
    experiment, inputs = artefacts
    given = iter([0.2, float("nan"), 0.7])
    monkeypatch.setattr(tuning, "train", lambda *_: trained(next(given)))
    settings = TuningSettings("encoder", {"encoder.width": Knob(20, 40)}, trials=3, steps=1)
    outputs = {
        "best_hyperparameters": [artefact(standard_artifacts.HyperParameters, tmp_path / "best")],
        "tuner_results": [artefact(standard_artifacts.TunerResults, tmp_path / "results")],
    }
    config = {
        "experiment": json.dumps(to_mapping(experiment)),
        "tuning": json.dumps(to_mapping(settings)),
        "resume_dir": str(tmp_path / "resume"),
    }
    properties = {
        "tuner_fn": "trainer.tuner_fn.tuner_fn",
        "train_args": proto_utils.proto_to_json(tfx.proto.TrainArgs(splits=["train"])),
        "eval_args": proto_utils.proto_to_json(tfx.proto.EvalArgs(splits=["val"])),
        "custom_config": json_utils.dumps(config),
    }
    context = base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")
    executor.Executor(context).Do(inputs, outputs, properties)
    rows = read_table((tmp_path / "results" / "trials.jsonl").read_text(encoding="utf-8"))
    assert [row.figure for row in rows] == [0.2, None, 0.7]
    assert rows[0].settings["encoder.width"] == experiment.encoder.width
    best = json.loads((tmp_path / "best" / "best_hyperparameters.txt").read_text("utf-8"))
    assert best["values"] == rows[2].settings
    assert (tmp_path / "results" / "tuner_results.json").is_file()
    assert capsys.readouterr().out == "", "the terminal is the runner's"


def trained(figure):
    """What a training says of itself."""
    return type("Summary", (), {"validation": {"f1_micro": figure}, "steps": 1, "seconds": 1.0})()
