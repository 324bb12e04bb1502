"""k-fold cross-validation of one stage: one training for each fold, evaluated on that fold."""

from __future__ import annotations

import gc
import json
import shutil
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from data.base.files import read_json, write_whole
from data.folds import split_into_folds
from data.prepared import PreparedData
from trainer.config import Experiment
from trainer.settings_loader import require
from trainer.train import train

RESULT = "folds.json"


@dataclass(frozen=True)
class Fold:
    """One finished training.

    Attributes:
      fold: its number, from 1.
      steps, seconds: of the stage, without the training of its encoder.
      figures: metrics on this fold.
    """

    fold: int
    steps: int
    seconds: float
    figures: dict[str, float]


@dataclass(frozen=True)
class Spread:
    """A metric over all folds: mean, and sample standard deviation (n - 1)."""

    mean: float
    deviation: float


def cross_validate(
    experiment: Experiment,
    stage: str,
    prepared: PreparedData,
    folds: int,
    work_dir: str,
    on_fold: Callable[[Fold], None],
) -> dict[str, Spread]:
    """Trains `stage` once for each fold, with the full budget each time, without an export.

    Captioner and generator use an encoder that is trained on the same folds: an encoder trained on
    the held-out pictures would leak them.

    Args:
      experiment: all settings; each training has the budget of the stage.
      stage: `encoder`, `captioner` or `generator`.
      prepared: its train and val splits are regrouped, see `data.folds`.
      folds: number of folds, 2 or more.
      work_dir: of this cross-validation only. Finished folds are read from it, and an interrupted
        one continues from its checkpoint. `folds.json` with all metrics is written here.
      on_fold: called with each fold, whether it was trained now or before.

    Returns:
      Mean and deviation of each metric.

    Raises:
      SettingsError: fewer than two folds, or settings that `train` refuses.
      DataError: a fold would be empty.
      TrainingError: a training failed.
    """
    require(folds >= 2, "folds", folds, "2 or more")
    root, done = Path(work_dir), []
    for number, data in enumerate(split_into_folds(prepared, folds, f"{work_dir}/data"), 1):
        done.append(_fold(experiment, stage, data, number, root))
        on_fold(done[-1])
    figures = spreads(fold.figures for fold in done)
    record = {
        "stage": stage,
        "figures": {name: asdict(spread) for name, spread in figures.items()},
        "folds": [asdict(fold) for fold in done],
    }
    _write(root / RESULT, record)
    return figures


def spreads(figures: Iterable[dict[str, float]]) -> dict[str, Spread]:
    """Returns mean and deviation of each metric that all folds have.

    The name of a retrieval metric contains the size of its pool. If small folds have different
    pools, their metrics have different names and are left out.
    """
    first, *others = list(figures)
    common = [name for name in first if all(name in other for other in others)]
    values = {name: [first[name], *(other[name] for other in others)] for name in common}
    return {
        name: Spread(statistics.fmean(every), statistics.stdev(every))
        for name, every in values.items()
    }


def _fold(experiment: Experiment, stage: str, data: PreparedData, number: int, root: Path) -> Fold:
    result, work = root / f"fold-{number}.json", root / f"fold-{number}"
    if result.is_file():
        remedy = "Delete it; the fold is then trained again."
        return Fold(**read_json(str(result), remedy, [one.name for one in fields(Fold)]))
    encoder = None
    if stage != "encoder":
        encoder = str(work / "encoder-model")
        if not Path(encoder).is_dir():
            train(experiment, "encoder", data, str(work / "encoder"), encoder)
    summary = train(experiment, stage, data, str(work / stage), None, encoder)
    fold = Fold(number, summary.steps, summary.seconds, dict(summary.validation))
    _write(result, asdict(fold))
    for path in (*work.glob("*/checkpoints"), work / "encoder-model"):
        shutil.rmtree(path, ignore_errors=True)
    # Models, optimisers and traced functions form reference cycles.
    gc.collect()
    return fold


def _write(path: Path, record: dict[str, Any]) -> None:
    write_whole(str(path), json.dumps(record, indent=2).encode("utf-8"))
