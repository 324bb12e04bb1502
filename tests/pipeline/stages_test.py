"""What each training depends on: its own settings, the encoder's, and no other stage's."""

from pipeline import settings, stages
from trainer.evaluation.settings import JudgeSettings

STEPS = {"encoder": 10, "captioner": 20, "generator": 30}


def digests(*assignments: str) -> dict[str, str]:
    chosen = settings.load("demo", assignments=assignments)
    return {stage: stages.deciding_json(chosen, stage) for stage in STEPS}


def test_a_longer_training_of_one_stage_leaves_the_others_as_they_are():
    before = digests(f"training.steps={STEPS}")
    after = digests(f"training.steps={STEPS | {'generator': 40}}")
    changed = {stage for stage, value in before.items() if value != after[stage]}
    assert changed == {"generator"}


def test_the_judge_is_trained_for_the_encoder_s_steps():
    chosen = settings.load("demo", assignments=[f"training.steps={STEPS}"])
    training = stages.judge_experiment(chosen, JudgeSettings()).training
    assert training.steps_of("encoder") == 10 and training.check_steps == 2
