"""What the TFX Trainer hands over, and where things go."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from trainer import run_fn
from trainer.settings_loader import SettingsError, to_mapping


@pytest.fixture
def fn_args(tmp_path, prepared, experiment):
    assets = tmp_path / "transform" / "transform_fn" / "assets"
    assets.mkdir(parents=True)
    prepared.tokens.write(str(assets / "tokens"))
    (assets / "attributes").write_text("".join(f"{name}\n" for name in prepared.attributes))
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        shutil.copy(prepared.files[split][0], tmp_path / split / "part-00000-of-00001.gz")
    return SimpleNamespace(
        transform_graph_path=str(tmp_path / "transform"),
        train_files=[str(tmp_path / "train" / "*")],
        eval_files=[str(tmp_path / "val" / "*")],
        base_model=None,
        hyperparameters=None,
        serving_model_dir=str(tmp_path / "serving"),
        model_run_dir=str(tmp_path / "run"),
        custom_config={
            "experiment": json.dumps(to_mapping(experiment)),
            "stage": "encoder",
            "resume_dir": str(tmp_path / "resume"),
        },
    )


@pytest.fixture
def calls(monkeypatch):
    """Calls of `train`, which here only leaves logs."""
    made = []

    def train(experiment, stage, prepared, work_dir, export_dir, encoder_dir, start_dir):
        made.append((experiment, stage, prepared, work_dir, export_dir, encoder_dir, start_dir))
        leave_logs(work_dir)

    monkeypatch.setattr(run_fn, "train", train)
    return made


def leave_logs(work_dir):
    root = run_fn.Path(work_dir)
    for directory in ("samples", "tensorboard", "checkpoints"):
        (root / directory).mkdir(parents=True, exist_ok=True)
        (root / directory / "one").write_text(directory)
    (root / "progress.jsonl").write_text("{}\n")
    (root / "summary.json").write_text("{}")


def test_train_gets_the_transformed_data_and_the_settings(fn_args, calls, experiment, prepared):
    run_fn.run_fn(fn_args)
    ((found, stage, data, work_dir, export_dir, encoder_dir, start_dir),) = calls
    assert found == experiment and stage == "encoder"
    assert encoder_dir is None and start_dir is None
    assert (work_dir, export_dir) == (
        fn_args.custom_config["resume_dir"],
        fn_args.serving_model_dir,
    )
    assert data.tokens.fingerprint() == prepared.tokens.fingerprint()
    assert data.attributes == prepared.attributes and data.max_length == prepared.max_length
    for split in ("train", "val"):
        one, other = data.arrays(split), prepared.arrays(split)
        assert one.image_ids == other.image_ids and (one.ids == other.ids).all()
        assert (one.labels == other.labels).all()


def test_the_base_model_is_the_encoder(fn_args, calls):
    fn_args.base_model = "/some/encoder"
    fn_args.custom_config["stage"] = "generator"
    run_fn.run_fn(fn_args)
    assert calls[0][1] == "generator" and calls[0][5] == "/some/encoder"


def test_the_training_starts_from_the_model_that_the_graph_names(fn_args, calls):
    fn_args.custom_config["start_dir"] = "/some/earlier/encoder"
    run_fn.run_fn(fn_args)
    assert calls[0][6] == "/some/earlier/encoder"


def test_logs_are_published_and_checkpoints_are_not(fn_args, calls):
    target = run_fn.Path(fn_args.model_run_dir)
    (target / "samples").mkdir(parents=True)
    run_fn.run_fn(fn_args)
    names = sorted(path.relative_to(target).as_posix() for path in target.rglob("*"))
    assert names == [
        "progress.jsonl",
        "samples",
        "samples/one",
        "summary.json",
        "tensorboard",
        "tensorboard/one",
    ]


def test_what_the_tuner_found_takes_the_place_of_the_config(fn_args, calls, experiment):
    fn_args.hyperparameters = {"space": [], "values": {"encoder.dropout": 0.25, "encoder.width": 6}}
    run_fn.run_fn(fn_args)
    wanted = replace(experiment, encoder=replace(experiment.encoder, dropout=0.25, width=6))
    assert calls[0][0] == wanted


def test_settings_that_do_not_read_stop_it_before_anything_starts(fn_args, calls):
    fn_args.custom_config["experiment"] = json.dumps({"encoder": {"widht": 3}})
    with pytest.raises(SettingsError, match=r"custom_config: unknown key 'encoder\.widht'"):
        run_fn.run_fn(fn_args)
    assert calls == [] and not run_fn.Path(fn_args.model_run_dir).exists()
