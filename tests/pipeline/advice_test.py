"""What can be done about a model that is not pushed: every command is one that works."""

import json
import shlex
from pathlib import Path

import pytest

from pipeline import cli, outcomes
from pipeline import settings as settings_file
from pipeline.model_lookup import find_model
from pipeline.outcomes import (
    FAULTY,
    GONE,
    IN_USE,
    NO_RUN,
    PUSHED,
    REFUSED,
    UNFINISHED,
    Outcome,
    explained,
    in_short,
    judged_model,
    outcome,
    ways,
)
from pipeline.work_dir import MODELS, WorkDir, is_model
from tests.pipeline.run_dirs import (
    check_fails,
    finish,
    record_trainings,
    save_model,
    start,
    trained,
)

GENERATOR = ["generator"]
CODES = [PUSHED, REFUSED, FAULTY, GONE, IN_USE, UNFINISHED, NO_RUN]


@pytest.fixture(autouse=True)
def empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(root="runs/demo", models=GENERATOR, figures=("pixel_agreement",), **load):
    """The work directory of a run that refused these models."""
    return finish(start(root, **load), models, figures)


def advised(work, models=GENERATOR):
    """The ways on by code, each parsed as the shell and the command line do it."""
    found = ways(outcome(work, model) for model in models)
    parser = cli.parser()
    return {
        way.code: parser.parse_args(shlex.split(way.command)[1:]) if way.command else None
        for way in found
    }


def test_a_refused_model_can_be_used_trained_longer_or_forced():
    work = refused()
    found = advised(work)
    assert list(found) == [outcomes.USE, outcomes.LONGER, outcomes.FORCE]
    used = found[outcomes.USE]
    assert used.command == "generate"
    assert find_model("generator", used.model) == judged_model(work, "generator")
    first = settings_file.load("demo")
    assert settings_file.load(found[outcomes.FORCE].config) == first
    assert found[outcomes.FORCE].force_bless
    assert found[outcomes.LONGER].work is None


def test_a_run_of_so_many_minutes_gets_twice_as_many():
    found = advised(refused(assignments=["training.steps=null"]))
    first = settings_file.load("demo")
    assert found[outcomes.LONGER].minutes == 2 * first.training.minutes


def test_a_refused_captioner_is_used_by_its_own_command():
    found = advised(refused(models=["captioner"]), ["captioner"])
    assert found[outcomes.USE].command == "caption"


def test_an_encoder_has_no_command_of_its_own():
    assert outcomes.USE not in advised(refused(models=["encoder"]), ["encoder"])


def test_another_work_directory_is_named():
    found = advised(refused("my runs/a b"))
    assert found[outcomes.FORCE].work == found[outcomes.LONGER].work == "my runs/a b"


def test_a_run_of_so_many_steps_gets_twice_as_many():
    found = advised(refused(assignments=["training.steps=30"]))
    assert found[outcomes.LONGER].set == ["training.steps=60"]


def test_steps_of_each_stage_are_doubled_and_can_be_typed():
    steps = {"encoder": 1, "captioner": 2, "generator": 3}
    found = advised(refused(assignments=[f"training.steps={json.dumps(steps)}"]))
    (option,) = found[outcomes.LONGER].set
    doubled = settings_file.load("demo", assignments=[option]).training.steps
    assert doubled == {"encoder": 2, "captioner": 4, "generator": 6}


def test_a_smoke_run_is_not_made_longer():
    found = advised(refused("runs/demo-smoke", smoke=True))
    assert list(found) == [outcomes.USE, outcomes.NO_SMOKE, outcomes.FORCE]


def test_a_smoke_run_with_a_pretraining_cannot_be_repeated_from_its_settings():
    pretrain = ["pretrain={config: demo}", "start_from=pretrain"]
    found = advised(refused("runs/demo-smoke", smoke=True, assignments=pretrain))
    assert list(found) == [outcomes.USE, outcomes.NO_SMOKE]


@pytest.mark.parametrize(
    "figures", [["memorisation"], ["pixel_agreement", "memorisation"], ["prompt_diversity"]]
)
def test_longer_training_is_no_remedy_for_everything(figures):
    assert list(advised(refused(figures=figures))) == [outcomes.USE, outcomes.FORCE]


def test_a_model_that_does_not_load_is_neither_used_nor_forced():
    work = finish(start("runs/demo"), faults={"generator": "it does not load"})
    assert advised(work) == {}


def test_what_fails_in_a_fresh_process_is_not_pushed_by_force():
    work = refused()
    check_fails(work, "generator")
    assert list(advised(work)) == [outcomes.USE, outcomes.LONGER]
    check_fails(work, "captioner")
    assert advised(work, ["captioner"]) == {}


def test_a_run_that_stopped_goes_on_from_its_settings():
    found = advised(start("runs/demo"), MODELS)
    assert list(found) == [outcomes.RESUME]
    assert settings_file.load(found[outcomes.RESUME].config) == settings_file.load("demo")


def test_a_run_that_stopped_before_it_had_settings_has_only_its_log():
    work = start("runs/demo")
    work.settings.rename(work.root / "x")
    work.log.parent.mkdir()
    work.log.touch()
    assert advised(work) == {}
    assert str(work.log) in "\n".join(explained([outcome(work, "encoder")]))


def test_what_tuwen_train_exported_can_be_used():
    work = start("runs/demo")
    work.settings.unlink()
    exported = save_model(work.models / "generator")
    found = advised(work)
    assert list(found) == [outcomes.EXPORTED]
    assert find_model("generator", found[outcomes.EXPORTED].model) == exported


def test_a_pushed_model_that_is_gone_is_still_where_it_was_trained():
    work = finish(start("runs/demo"))
    (work.serving / "generator/1500/saved_model.pb").unlink()
    assert is_model(advised(work)[outcomes.USE].model and judged_model(work, "generator"))


def test_each_way_is_told_once_for_a_run():
    work = refused(models=MODELS)
    found = ways(outcome(work, model) for model in MODELS)
    assert [way.code for way in found] == ["use", "use", "longer", "force"]


def test_the_model_is_the_one_of_the_last_run_and_not_the_one_trained_last():
    work = refused()
    newest = trained(work, "generator", 12)
    record_trainings(work, "demo", "generator", 3, 12)
    assert judged_model(work, "generator") == newest
    record_trainings(work, "demo", "generator", 12, 3)
    assert judged_model(work, "generator").parent.name == "3"


def test_a_refusal_names_figure_value_and_limit():
    text = "\n".join(explained([outcome(refused(), "generator")]))
    assert "runs/demo refused its generator" in text
    assert "pixel_agreement is 0.25 (0.2 to 0.3), at least 0.5 is asked" in text


@pytest.mark.parametrize("code", CODES)
def test_paths_are_written_as_they_are(code):
    work = WorkDir(Path("runs/demo"))
    assert "runs/demo" in explained([Outcome(work, "generator", code, {"sentence": "No."})])[0]


def test_half_a_sentence_leads_to_the_report():
    said = in_short(outcome(refused(), "generator"))
    command = shlex.split(said.split("'")[1])
    assert cli.parser().parse_args(command[1:]).work == "runs/demo"


def test_what_holds_for_the_whole_run_is_said_once():
    lines = explained(outcome(start("runs/demo"), model) for model in MODELS)
    assert sum("did not finish" in line for line in lines) == 1
