"""The search as the TFX Tuner drives it: real short trainings, failures, kills, the winner."""

import json
from dataclasses import replace
from types import SimpleNamespace

import keras_tuner
import numpy as np
import pytest

from trainer import trials, tuner_fn, tuning
from trainer.config import TrainingSettings
from trainer.engine.loop import TrainingError
from trainer.settings_loader import to_mapping
from trainer.trials import Trial
from trainer.tuner_fn import StageTuner
from trainer.tuning_settings import Knob, TuningSettings, with_values

SPACE = {
    "encoder.learning_rate": Knob(1e-4, 1e-2, "log"),
    "encoder.width": Knob(4, 6),
    "encoder.text": Knob(values=("convolution", "gru")),
}


@pytest.fixture
def short(experiment):
    """Checkpoints after every step, float32."""
    return replace(
        experiment, training=TrainingSettings(precision="float32", checkpoint_seconds=0.0)
    )


@pytest.fixture
def tuning_of():
    return TuningSettings(stage="encoder", space=SPACE, trials=3, steps=2)


@pytest.fixture
def figures(monkeypatch):
    """Trainings that only say how good they are: the figure of each, by call; NaN breaks down."""
    given, seen = [], []

    def train(experiment, stage, prepared, work_dir, export_dir, encoder_dir, start_dir):
        seen.append(experiment)
        figure = given[len(seen) - 1]
        if isinstance(figure, Exception):
            raise figure
        return SimpleNamespace(validation={"f1_micro": figure}, steps=2, seconds=0.5)

    monkeypatch.setattr(tuning, "train", train)
    return SimpleNamespace(given=given, seen=seen)


def searched(experiment, settings, prepared, directory):
    tuner = StageTuner(experiment, settings, prepared, None, str(directory))
    tuner.search()
    return tuner


def table(directory):
    return trials.read_table((directory / "trials.jsonl").read_text(encoding="utf-8"))


def drawn(rows):
    return [row.settings for row in rows]


def test_tuner_fn_trains_and_gives_the_best_settings(tmp_path, short, tuning_of, prepared):
    fn_args = SimpleNamespace(
        base_model=None,
        transform_graph_path=str(tmp_path / "transform"),
        train_files=[prepared.files["train"][0]],
        eval_files=[prepared.files["val"][0]],
        custom_config={
            "experiment": json.dumps(to_mapping(short)),
            "tuning": json.dumps(to_mapping(replace(tuning_of, trials=2))),
            "resume_dir": str(tmp_path / "resume"),
        },
    )
    assets = tmp_path / "transform" / "transform_fn" / "assets"
    assets.mkdir(parents=True)
    prepared.tokens.write(str(assets / "tokens"))
    (assets / "attributes").write_text("".join(f"{name}\n" for name in prepared.attributes))
    found = tuner_fn.tuner_fn(fn_args)
    found.tuner.search(**found.fit_kwargs)
    first, second = table(tmp_path / "resume")
    assert (first.own, second.own) == (True, False) and first.steps == second.steps == 2
    assert first.settings != second.settings and first.objective == "f1_micro"
    assert all(0 <= row.figure <= 1 and row.seconds > 0 for row in (first, second))
    best = found.tuner.get_best_hyperparameters()[0].get_config()
    assert best["values"] == trials.best_of([first, second]).settings
    assert with_values(short, json.loads(json.dumps(best))["values"]) is not None
    assert not list((tmp_path / "resume").rglob("checkpoint*"))


def test_the_first_trial_is_the_configs_own_and_the_others_lie_in_the_space(
    tmp_path, short, tuning_of, prepared, figures
):
    figures.given += np.linspace(0.1, 0.9, 9).tolist()
    rows = searched(short, replace(tuning_of, trials=9), prepared, tmp_path) and table(tmp_path)
    own = {
        "encoder.learning_rate": short.encoder.learning_rate,
        "encoder.width": short.encoder.width,
        "encoder.text": short.encoder.text,
    }
    assert rows[0].settings == own and [row.own for row in rows] == [True] + 8 * [False]
    assert all(SPACE[name].holds(value) for row in rows for name, value in row.settings.items())
    assert {row.settings["encoder.width"] for row in rows} == {4, 5, 6}
    low = [row for row in rows if row.settings["encoder.learning_rate"] < 1e-3]
    assert len(low) >= 2, "half of a logarithmic range lies below its geometric middle"
    assert [one.encoder.width for one in figures.seen] == [
        row.settings["encoder.width"] for row in rows
    ]


def test_no_own_trial_where_the_space_does_not_hold_the_config(
    tmp_path, short, tuning_of, prepared, figures
):
    figures.given += [0.1, 0.2, 0.3]
    space = {"encoder.dropout": Knob(0.3, 0.5)}
    searched(short, replace(tuning_of, space=space), prepared, tmp_path)
    assert not any(row.own for row in table(tmp_path))


@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_the_seed_decides_what_is_tried(tmp_path, short, tuning_of, prepared, figures, seed, same):
    figures.given += [0.1, 0.2, 0.3, 0.9, 0.8, 0.7]
    searched(short, tuning_of, prepared, tmp_path / "a")
    searched(short, replace(tuning_of, seed=seed), prepared, tmp_path / "b")
    one, other = (drawn(table(tmp_path / name))[1:] for name in "ab")
    assert (one == other) is same


def test_a_broken_trial_is_recorded_and_the_search_goes_on(
    tmp_path, short, tuning_of, prepared, figures
):
    figures.given += [float("nan"), TrainingError("a loss is not finite"), 0.4]
    tuner = searched(short, tuning_of, prepared, tmp_path)
    rows = table(tmp_path)
    assert [row.status for row in rows] == ["failed", "failed", "finished"]
    assert [row.reason for row in rows] == ["f1_micro is nan", "a loss is not finite", ""]
    assert [row.figure for row in rows] == [None, None, 0.4]
    assert tuner.get_best_hyperparameters()[0].values == rows[2].settings


def test_a_search_without_any_finished_trial_says_why(
    tmp_path, short, tuning_of, prepared, figures
):
    figures.given += [TrainingError("a loss is not finite.")] * 3
    with pytest.raises(TrainingError, match=r"none of 3 trials.*a loss is not finite\. Narrow"):
        searched(short, tuning_of, prepared, tmp_path)
    assert len(table(tmp_path)) == 3


def test_another_error_stops_the_search(tmp_path, short, tuning_of, prepared, figures):
    figures.given += [0.1, OSError("disk full")]
    with pytest.raises(keras_tuner.errors.FatalError, match="disk full") as caught:
        searched(short, tuning_of, prepared, tmp_path)
    assert isinstance(caught.value.__cause__, OSError)


def test_finished_trials_survive_a_kill(tmp_path, short, tuning_of, prepared, figures):
    figures.given += [0.1, 0.2, 0.3, Killed(), 0.5, 0.6]
    settings = replace(tuning_of, trials=5)
    with pytest.raises(keras_tuner.errors.FatalError):
        searched(short, settings, prepared, tmp_path / "killed")
    searched(short, settings, prepared, tmp_path / "killed")
    assert len(figures.seen) == 6, "three trials, the killed one twice, the last one"
    figures.given += [0.1, 0.2, 0.3, 0.5, 0.6]
    searched(short, settings, prepared, tmp_path / "whole")
    assert drawn(table(tmp_path / "killed")) == drawn(table(tmp_path / "whole"))
    assert [row.figure for row in table(tmp_path / "killed")] == [0.1, 0.2, 0.3, 0.5, 0.6]


class Killed(Exception):
    """Stands for the end of the process."""


def test_a_finished_search_trains_nothing_again(tmp_path, short, tuning_of, prepared, figures):
    figures.given += [0.1, 0.7, 0.3]
    searched(short, tuning_of, prepared, tmp_path)
    before = (tmp_path / "trials.jsonl").read_text("utf-8")
    again = searched(short, tuning_of, prepared, tmp_path)
    assert len(figures.seen) == 3 and (tmp_path / "trials.jsonl").read_text("utf-8") == before
    assert again.get_best_hyperparameters()[0].values == table(tmp_path)[1].settings


def test_the_captioner_starts_from_the_encoder(tmp_path, short, prepared, trained):
    encoder = str(trained("encoder").model_dir)
    space = {"captioner.learning_rate": Knob(1e-3, 1e-2)}
    settings = TuningSettings(stage="captioner", space=space, trials=1, steps=1)
    StageTuner(short, settings, prepared, encoder, str(tmp_path)).search()
    (row,) = table(tmp_path)
    assert (row.objective, row.direction) == ("cider_d", "max") and np.isfinite(row.figure)


def test_values_that_do_not_go_together_are_a_failed_trial(tmp_path, experiment, prepared):
    settings = TuningSettings(space={"generator.reconstruction_weight": Knob(values=(0.0, 6.0))})
    row = Trial(1, {"generator.reconstruction_weight": 0.0}, "kid_encoder", "min")
    done = tuning.run_trial(experiment, settings, row, prepared, str(tmp_path), None)
    assert done.status == "failed" and "no bound to begin with" in done.reason
