"""`tuwen train`: one model without TFX, from data to SavedModel, or its cross-validation."""

from __future__ import annotations

import argparse
import contextlib
import functools
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from components.run_report.formatting import duration
from data.base.terminal import printable
from pipeline.commands.arguments import (
    add_config,
    add_work,
    fold_count,
    positive_number,
    whole_number,
)
from pipeline.errors import RunError, UsageError
from pipeline.model_lookup import find_model
from pipeline.work_dir import WorkDir, default_work_dir, is_model
from trainer.config import STAGES

if TYPE_CHECKING:
    import tensorflow as tf

    from data import prepared
    from pipeline.settings import Settings
    from trainer.folds import Fold

EXAMPLES = (
    "tuwen train demo --stage encoder --minutes 2",
    "tuwen train demo --stage generator --steps 500 --set generator.width=16",
    "tuwen train demo --stage captioner --minutes 2 --folds 5  # mean and spread",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    add_config(parser)
    add_work(parser)
    parser.add_argument("--stage", choices=STAGES, default="encoder", help="which model to train")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=positive_number, help="time budget of this stage")
    budget.add_argument("--steps", type=whole_number, help="a fixed number of steps")
    parser.add_argument(
        "--folds",
        type=fold_count,
        metavar="K",
        help="cross-validate instead of exporting a model: K trainings with the whole budget each "
        "(captioner and generator train an encoder of each fold first), held-out mean and spread",
    )
    parser.add_argument("--smoke", action="store_true", help="take the config's smoke twin")


def run(arguments: argparse.Namespace) -> int:
    """Trains `--stage`, or goes on with it, and says where the model or the figures are."""
    from pipeline import settings as settings_file
    from trainer.engine import distribution
    from trainer.engine.loop import TrainingError

    settings = settings_file.load(
        arguments.config,
        data=arguments.data,
        assignments=[*_budget(arguments), *arguments.set],
        smoke=arguments.smoke,
    )
    work = WorkDir(Path(arguments.work)) if arguments.work else default_work_dir(settings.name)
    # Before anything is computed, as the preparation of data does.
    strategy = distribution.start(settings.training.strategy, settings.training.devices)
    with strategy.scope():
        chief = distribution.is_chief()
    # Of several workers the chief holds the directory, in which the others only read.
    with work.locked() if chief else contextlib.nullcontext():
        try:
            if arguments.folds:
                _cross_validate(settings, arguments.stage, work, strategy, arguments.folds)
            else:
                _train(settings, arguments.stage, work, strategy)
        except TrainingError as error:
            raise RunError(str(error)) from error
    return 0


def _budget(arguments: argparse.Namespace) -> list[str]:
    """Returns the settings that give the whole budget to one stage."""
    if arguments.steps:
        return [f"training.steps={arguments.steps}"]
    if arguments.minutes:
        shares = dict.fromkeys(STAGES, 1.0)
        return [
            f"training.minutes={arguments.minutes}",
            f"training.shares={shares}",
            "training.steps=null",
        ]
    return []


def _train(settings: Settings, stage: str, work: WorkDir, strategy: tf.distribute.Strategy) -> None:
    from pipeline.stages import deciding_json, digest, stage_experiment, starts
    from trainer.train import train
    from trainer.transfer.start import digest_of

    experiment = stage_experiment(settings, stage)
    encoder = None if stage == "encoder" else _encoder(work)
    data = _prepared(settings, work, strategy)
    # By its weights: the SavedModel of an encoder that is exported once more has other bytes.
    looks_through = digest_of(str(encoder)) if encoder else ""
    start = starts(settings, work, [data.fingerprint()], [stage]).get(stage)
    begun = [digest_of(str(start))] if start else []
    name = digest(deciding_json(settings, stage), data.fingerprint(), looks_through, *begun)
    export = work.models / stage
    summary = train(
        experiment,
        stage,
        data,
        str(work.training / f"{stage}-{name}"),
        str(export),
        str(encoder) if encoder else None,
        str(start) if start else None,
    )
    print(f"{summary.steps:,} steps in {duration(summary.seconds)}, {summary.stop_reason}")
    print(", ".join(f"{name} {value:.4g}" for name, value in summary.validation.items()))
    print(f"model: {export}")
    print(f"curves and samples: {work.training / f'{stage}-{name}'}")


def _cross_validate(
    settings: Settings, stage: str, work: WorkDir, strategy: tf.distribute.Strategy, folds: int
) -> None:
    from pipeline.stages import deciding_json, digest, stage_experiment
    from trainer.folds import RESULT, cross_validate

    if any(settings.start_of(one) for one in STAGES):
        raise UsageError(
            "start_from: an earlier model may have learned from pictures that a fold holds out. "
            "Add --set start_from=null to cross-validate a training from nothing"
        )
    experiment = stage_experiment(settings, stage)
    data = _prepared(settings, work, strategy)
    name = digest(deciding_json(settings, stage), data.fingerprint())
    directory = work.training / f"{stage}-{name}-{folds}-folds"

    def say(fold: Fold) -> None:
        said = ", ".join(f"{name} {value:.4g}" for name, value in fold.figures.items())
        spent = f"{fold.steps:,} steps in {duration(fold.seconds)}"
        print(f"fold {fold.fold} of {folds}: {spent}: {said}", flush=True)

    found = cross_validate(experiment, stage, data, folds, str(directory), say)
    print(f"held-out, mean and standard deviation between {folds} folds:")
    for name, spread in found.items():
        print(f"  {name:<24} {spread.mean:.4g} ± {spread.deviation:.2g}")
    print(f"figures of each fold: {directory / RESULT}")


def _encoder(work: WorkDir) -> Path:
    if is_model(work.models / "encoder"):
        return work.models / "encoder"
    try:
        return find_model("encoder", str(work.root))
    except UsageError:
        raise UsageError(
            f"{work.root} holds no encoder, which this stage starts from: train it first with "
            "--stage encoder"
        ) from None


def _prepared(
    settings: Settings, work: WorkDir, strategy: tf.distribute.Strategy
) -> prepared.PreparedData:
    """Returns the data, which one of several workers prepares and all read.

    Raises:
      RunError: a worker is gone, such as the one that found the data wanting.
    """
    from trainer.engine import distribution

    try:
        return distribution.by_chief(strategy, functools.partial(_prepare, settings, work))
    except distribution.PEER_LOST as error:
        if settings.training.strategy != "multi_worker":
            raise
        raise RunError(
            "another worker ended before the data were prepared; its log says why"
        ) from error


def _prepare(settings: Settings, work: WorkDir) -> prepared.PreparedData:
    from data import prepared
    from pipeline.load_examples import ingested
    from pipeline.stages import digest

    source = settings.open_source()
    name = digest(source.fingerprint(), asdict(settings.ingest), asdict(settings.data))
    directory = work.root / f"prepared-{name}"
    try:
        return prepared.load(str(directory))
    except FileNotFoundError:
        print(f"data: {printable(source.describe())}")
    with ingested(settings, source, f"{directory}.examples") as splits:
        return prepared.prepare(splits, str(directory), **asdict(settings.data))
