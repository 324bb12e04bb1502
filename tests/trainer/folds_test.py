"""Cross-validation: one training a fold, the encoder's with it, and what a kill leaves."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from trainer import folds
from trainer.config import TrainingSettings
from trainer.folds import Spread, cross_validate, spreads
from trainer.settings_loader import SettingsError


@pytest.fixture
def short(experiment):
    return replace(experiment, training=TrainingSettings(steps=1, precision="float32"))


@pytest.fixture
def calls(monkeypatch):
    """Calls of `train`, which here only leaves what the next training needs."""
    made = []

    def train(experiment, stage, data, work_dir, export_dir, encoder_dir=None):
        made.append(SimpleNamespace(stage=stage, data=data, work=work_dir, encoder=encoder_dir))
        if len(made) == 4 and "killed" in work_dir:
            raise KeyboardInterrupt
        for directory in (f"{work_dir}/checkpoints", export_dir):
            if directory:
                folds.Path(directory).mkdir(parents=True, exist_ok=True)
        held_out = data.files["val"][0]
        figure = float(held_out.rpartition("fold-")[2][0])
        return SimpleNamespace(steps=1, seconds=2.0, validation={"f1_micro": figure})

    monkeypatch.setattr(folds, "train", train)
    return made


def test_a_real_stage_is_trained_on_each_fold(tmp_path, short, prepared):
    told = []
    found = cross_validate(short, "encoder", prepared, 2, str(tmp_path), told.append)
    record = json.loads((tmp_path / "folds.json").read_text(encoding="utf-8"))
    assert [fold.fold for fold in told] == [1, 2] and all(fold.steps == 1 for fold in told)
    one, other = (fold.figures["f1_micro"] for fold in told)
    assert found["f1_micro"].mean == pytest.approx((one + other) / 2)
    assert record["stage"] == "encoder" and len(record["folds"]) == 2
    assert record["figures"]["f1_micro"]["deviation"] == found["f1_micro"].deviation
    assert not list(tmp_path.rglob("checkpoints")) and not list(tmp_path.rglob("saved_model.pb"))


def test_later_stages_start_from_an_encoder_of_the_same_fold(tmp_path, short, prepared, calls):
    cross_validate(short, "captioner", prepared, 2, str(tmp_path), lambda fold: None)
    assert [call.stage for call in calls] == ["encoder", "captioner"] * 2
    for encoder, captioner in (calls[:2], calls[2:]):
        assert encoder.data == captioner.data and encoder.encoder is None
        assert captioner.encoder.startswith(encoder.work)
    assert calls[0].data != calls[2].data
    assert not list(tmp_path.rglob("encoder-model"))


def test_a_killed_cross_validation_goes_on_with_the_fold_at_work(tmp_path, short, prepared, calls):
    place = str(tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        cross_validate(short, "captioner", prepared, 3, place, lambda fold: None)
    told = []
    found = cross_validate(short, "captioner", prepared, 3, place, told.append)
    assert [fold.fold for fold in told] == [1, 2, 3]
    again = [(call.stage, call.work.rpartition("/fold-")[2][0]) for call in calls[4:]]
    assert again == [("captioner", "2"), ("encoder", "3"), ("captioner", "3")]
    assert found == {"f1_micro": Spread(2.0, 1.0)}


def test_one_fold_is_none(tmp_path, short, prepared, calls):
    with pytest.raises(SettingsError, match=r"folds = 1 .*2 or more"):
        cross_validate(short, "encoder", prepared, 1, str(tmp_path), lambda fold: None)
    assert calls == []


def test_only_figures_of_one_protocol_are_averaged():
    found = spreads([{"a": 1.0, "b_1of9": 0.5}, {"a": 3.0, "b_1of8": 0.5}, {"a": 5.0}])
    assert found == {"a": Spread(3.0, 2.0)}
