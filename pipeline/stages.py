"""What each of the three trainings depends on, and so what decides where it may go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from pipeline.settings import Settings
from trainer.config import STAGES, Experiment, ExportSettings, deciding
from trainer.evaluation.settings import JudgeSettings
from trainer.settings_loader import to_mapping

_JUDGE_CHECKS = 5


def stage_experiment(settings: Settings, stage: str) -> Experiment:
    """Returns the experiment with what `stage` does not read at its default.

    A changed generator, or a longer training of it, must not make the encoder train again.
    """
    read = {"encoder", stage}
    plain = Experiment()
    unread = {name: getattr(plain, name) for name in STAGES if name not in read}
    experiment = settings.experiment()
    training = replace(experiment.training, steps=experiment.training.stage_steps(stage))
    return replace(experiment, training=training, **unread)


def judge_experiment(settings: Settings, judge: JudgeSettings) -> Experiment:
    """Returns the experiment of the encoder that judges generated pictures.

    It is the run's encoder with other first weights and batches, and a budget of its own; the state
    of the best held-out figure is kept, for a small split is soon known by heart. A fixed number of
    steps is its budget too, and then steps decide when the figure is taken, not the clock. It is
    not served, so that settings of the export do not reach it.
    """
    encoder = stage_experiment(settings, "encoder")
    steps = encoder.training.stage_steps("encoder")
    fewest = steps if steps is None or isinstance(steps, int) else min(steps.values())
    training = replace(
        encoder.training,
        seed=encoder.training.seed + judge.seed,
        minutes=judge.minutes,
        shares=dict.fromkeys(STAGES, 1.0),
        sample_seconds=60.0 * judge.minutes / _JUDGE_CHECKS,
        check_steps=max(1, fewest // _JUDGE_CHECKS) if fewest else encoder.training.check_steps,
        keep="best",
    )
    return replace(encoder, training=training, export=ExportSettings())


def digest(*parts: object) -> str:
    """Returns 12 hex digits that stand for JSON-able values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def stage_json(settings: Settings, stage: str) -> str:
    """Returns `stage_experiment` as the JSON text that the TFX Trainer is given."""
    return json.dumps(to_mapping(stage_experiment(settings, stage)), sort_keys=True)


def deciding_json(settings: Settings, stage: str) -> str:
    """Returns those of `stage_experiment` that decide what is learned, for the training's name."""
    return json.dumps(deciding(stage_experiment(settings, stage)), sort_keys=True)


def tuning_json(settings: Settings, stage: str) -> str:
    """Returns the search that decides about `stage` or about the encoder it starts from, or ""."""
    tuning = settings.tuning
    if tuning is None or tuning.stage not in (stage, "encoder"):
        return ""
    return json.dumps(to_mapping(tuning), sort_keys=True)
