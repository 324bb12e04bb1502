"""What became of a model, from the files of its run."""

import os

import pytest

from data.base.errors import DataError
from pipeline import outcomes
from pipeline.outcomes import outcome, refused_since, reported
from pipeline.work_dir import MODELS, WorkDir
from tests.pipeline.run_dirs import ENDED, check_fails, finish, push, start


@pytest.fixture
def work(tmp_path):
    return start(tmp_path / "run")


def codes(work):
    return [outcome(work, model).code for model in MODELS]


def test_a_refused_model_comes_with_its_verdict(work):
    finish(work, refused=["generator"])
    assert codes(work) == ["pushed", "pushed", "refused"]
    (check,) = outcome(work, "generator").verdict["checks"]
    assert (check["metric"], check["value"], check["limit"]) == ("pixel_agreement", 0.25, 0.5)


def test_a_refused_model_is_refused_though_an_earlier_version_is_served(work):
    push(finish(work, refused=["generator"]), "generator")
    assert outcome(work, "generator").code == outcomes.REFUSED


def test_a_model_that_failed_in_a_fresh_process_comes_with_the_reason(work):
    check_fails(finish(work), "captioner", "Refused: it hangs.")
    found = outcome(work, "captioner")
    assert (found.code, found.fault) == (outcomes.FAULTY, "Refused: it hangs.")


def test_a_pushed_model_that_somebody_took_away_is_gone(work):
    finish(work)
    (work.serving / "encoder/1500/saved_model.pb").unlink()
    assert codes(work) == ["gone", "pushed", "pushed"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"metrics": 3, "verdicts": []}', '{"metrics": [], "verdicts": [3]}']
)
def test_damaged_figures_are_told_with_their_path(work, content):
    finish(work)
    work.metrics.write_text(content)
    with pytest.raises(DataError) as caught:
        reported(work, "generator")
    assert caught.value.where == str(work.metrics)


def test_a_run_without_figures_did_not_finish(work):
    assert codes(work) == ["unfinished"] * 3


def test_figures_of_the_run_before_are_not_those_of_a_run_that_was_killed(work):
    finish(work, refused=["generator"])
    os.utime(work.settings, (ENDED + 1, ENDED + 1))
    assert codes(work) == ["unfinished"] * 3
    assert reported(work, "generator").code == outcomes.REFUSED


def test_a_run_that_goes_on_is_told_from_one_that_stopped(work):
    with work.locked():
        found = outcome(work, "generator")
    assert (found.code, str(os.getpid()) in found.holder) == (outcomes.IN_USE, True)
    assert outcome(work, "generator").code == outcomes.UNFINISHED


def test_a_directory_without_a_run_has_none(tmp_path):
    assert codes(WorkDir(tmp_path)) == ["no_run"] * 3


def test_a_finished_run_needs_no_copy_of_its_settings(work):
    finish(work)
    work.settings.unlink()
    assert codes(work) == ["pushed"] * 3


def test_only_a_refusal_after_the_push_is_of_interest(work):
    finish(work, refused=["generator"])
    assert refused_since(work, "generator", ENDED - 1).code == outcomes.REFUSED
    assert refused_since(work, "generator", ENDED + 1) is None
    assert refused_since(work, "encoder", ENDED - 1) is None
