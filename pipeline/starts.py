"""Which earlier models the trainings of a run start from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.base.files import read_json, write_whole
from pipeline.errors import UsageError
from pipeline.model_lookup import find_model
from pipeline.pretraining import PRETRAIN
from pipeline.settings import Settings
from pipeline.stages import deciding_json, digest
from pipeline.work_dir import WorkDir, newest_version
from trainer.config import STAGES
from trainer.settings_loader import SettingsError

# In place of a path: what this work directory has pushed last, if anything.
LAST = "last"
_PINS = "starts.json"


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
