"""Models of which some are broken: the others are measured all the same, and faults are named."""

import pytest

from components.cross_modal_evaluator import assessment as subject
from trainer.evaluation.record import Evaluation
from trainer.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings()
BROKEN = ValueError("it\nis\nbroken.")
MODELS = {name: f"{name}-dir" for name in ("encoder", "captioner", "generator")}


@pytest.fixture
def broken(monkeypatch):
    """Returns a function: sets which sets of models fail, and how; tried sets are recorded."""
    tried = []

    def breaks(fails, error=BROKEN):
        def evaluate(models, test, train, settings):
            tried.append(tuple(models))
            if fails(models):
                raise error
            return Evaluation(settings, [], {"measured": "+".join(models)}, (), ())

        monkeypatch.setattr(subject, "evaluate", evaluate)
        return tried

    return breaks


def measured(models=MODELS):
    return subject.measure(models, [], [], SETTINGS)


def test_models_that_work_are_measured_once_and_together(broken):
    tried = broken(lambda models: False)
    found = measured()
    assert found.faults == {}
    assert tried == [("encoder", "captioner", "generator")]


@pytest.mark.parametrize(
    ("culprit", "left"),
    [("captioner", "encoder+generator"), ("generator", "encoder+captioner")],
)
def test_the_model_whose_joining_fails_is_at_fault(broken, culprit, left):
    broken(lambda models: culprit in models)
    found = measured()
    assert found.faults == {culprit: "ValueError: it is"}
    assert found.evaluation.skipped == {"measured": left}


def test_nothing_is_measured_without_the_encoder(broken):
    broken(lambda models: True, OSError("gone"))
    found = measured()
    assert found.faults["encoder"] == "OSError: gone"
    assert "through which it is measured, fails: OSError: gone" in found.faults["generator"]
    assert "through which it is measured" in found.faults["captioner"]
    assert found.evaluation.metrics == []


def test_two_that_only_fail_together_blame_the_last(broken):
    broken(lambda models: len(models) == 3)
    found = measured()
    assert set(found.faults) == {"generator"}
    assert found.evaluation.skipped == {"measured": "encoder+captioner"}


def test_what_is_no_model_of_the_run_is_part_of_every_attempt(broken):
    tried = broken(lambda models: "captioner" in models)
    measured({**MODELS, "judge": "judge-dir"})
    assert all("judge" in models for models in tried)


def test_a_message_of_pages_is_cut(broken):
    broken(lambda models: True, RuntimeError("x" * 5000))
    assert len(measured().faults["encoder"]) < 400
