"""What each of the three trainings depends on, and the earlier model that it starts from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from data.base.files import read_json, write_whole
from pipeline.errors import UsageError
from pipeline.model_lookup import find_model
from pipeline.settings import PRETRAIN, Settings
from pipeline.work_dir import WorkDir, newest_version
from trainer.config import STAGES, Experiment, ExportSettings, deciding
from trainer.evaluation.settings import JudgeSettings
from trainer.settings_loader import SettingsError, to_mapping

_JUDGE_CHECKS = 5
# In place of a path: what this work directory has pushed last, if anything.
LAST = "last"
_PINS = "starts.json"


def stage_experiment(settings: Settings, stage: str) -> Experiment:
    """Returns the experiment with what `stage` does not read at its default.

    A changed generator, or a longer training of it, must not make the encoder train again.
    """
    read = {"encoder", stage}
    plain = Experiment()
    unread = {name: getattr(plain, name) for name in STAGES if name not in read}
    experiment = settings.experiment()
    training = replace(experiment.training, steps=experiment.training.steps_of(stage))
    return replace(experiment, training=training, **unread)


def judge_experiment(settings: Settings, judge: JudgeSettings) -> Experiment:
    """Returns the experiment of the encoder that judges generated pictures.

    It is the run's encoder with other first weights and batches, and a budget of its own; the state
    of the best held-out figure is kept, for a small split is soon known by heart. A fixed number of
    steps is its budget too, and then steps decide when the figure is taken, not the clock. It is
    not served, so that settings of the export do not reach it.
    """
    encoder = stage_experiment(settings, "encoder")
    steps = encoder.training.steps_of("encoder")
    training = replace(
        encoder.training,
        seed=encoder.training.seed + judge.seed,
        minutes=judge.minutes,
        shares=dict.fromkeys(STAGES, 1.0),
        sample_seconds=60.0 * judge.minutes / _JUDGE_CHECKS,
        check_steps=max(1, steps // _JUDGE_CHECKS) if steps else encoder.training.check_steps,
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


def starts(
    settings: Settings, work: WorkDir, data: Sequence[Any], stages: Sequence[str] = STAGES
) -> dict[str, Path]:
    """Returns the earlier model of each stage that has one.

    What a run itself pushes must not be what it starts from when it is started again, so a choice
    within its own work directory is written down there, and stands as long as settings and data do.

    Args:
      settings: of the run.
      work: where it writes.
      data: what decides about the prepared data, JSON-able.
      stages: that are asked for.

    Raises:
      SettingsError: a path holds no model of its stage.
    """
    found = {}
    for stage in stages:
        asked = settings.start_of(stage)
        if asked is None:
            continue
        key = digest(stage, asked, deciding_json(settings, stage), *data)
        chosen = _pinned(work, key) or _find(stage, asked, work)
        if chosen is None:
            continue
        if asked != PRETRAIN and work.root.absolute() in chosen.absolute().parents:
            _pin(work, key, chosen)
        found[stage] = chosen.absolute()
    return found


def _find(stage: str, asked: str, work: WorkDir) -> Path | None:
    if asked == LAST:
        return newest_version(work.serving / stage)
    if asked == PRETRAIN:
        return _pretrained(stage, work.pretraining)
    given = Path(asked).expanduser()
    # A training's own directory: its checkpoint will do.
    if (given / "identity.json").is_file():
        return given
    try:
        return find_model(stage, str(given))
    except UsageError as error:
        what, *more = str(error).removeprefix("--model ").splitlines()
        said = (
            f"start_from: {what}. Or write '{LAST}' for the model that {work.root} has pushed "
            f"last, or null to train the {stage} from nothing"
        )
        raise SettingsError("\n".join([said, *more])) from None


def _pretrained(stage: str, work: WorkDir) -> Path:
    found = newest_version(work.serving / stage)
    if found is None:
        raise SettingsError(
            f"start_from: the pretraining has pushed no {stage} to {work.serving}: `tuwen run` "
            f"runs it first, and its verdicts are in {work.report}"
        )
    return found


def _pinned(work: WorkDir, key: str) -> Path | None:
    """Written from the work directory on: a copy of it must not lead into the first one."""
    known = _pins(work).get(key)
    if not known or Path(known).is_absolute():
        return None
    return work.root / known if (work.root / known).is_dir() else None


def _pin(work: WorkDir, key: str, chosen: Path) -> None:
    inner = chosen.absolute().relative_to(work.root.absolute())
    text = json.dumps(_pins(work) | {key: str(inner)}, indent=1)
    write_whole(str(work.training / _PINS), text.encode("utf-8"))


def _pins(work: WorkDir) -> dict[str, str]:
    path = work.training / _PINS
    remedy = "Delete it; each stage then looks for its earlier model again."
    return read_json(str(path), remedy) if path.is_file() else {}
