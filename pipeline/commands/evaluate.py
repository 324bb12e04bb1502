"""`tuwen evaluate`: the figures of trained models once more, without TFX."""

from __future__ import annotations

import argparse
from pathlib import Path

from data.base.terminal import printable
from pipeline.commands.arguments import add_config, add_model
from pipeline.errors import RunError, UsageError
from pipeline.model_lookup import ModelNotFound, find_judge, find_model, newest_run
from pipeline.outcomes import missing
from pipeline.terminal import metric_table, verdict_lines
from pipeline.work_dir import MODELS, WorkDir

EXAMPLES = ("tuwen evaluate demo", "tuwen evaluate fashion64 --data PATH --model runs/fashion64")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    add_config(parser)
    add_model(parser)
    parser.add_argument("--smoke", action="store_true", help="take the config's smoke twin")
    parser.add_argument("-o", "--output", metavar="DIR", help="folder for figures and samples")


def run(arguments: argparse.Namespace) -> int:
    """Measures the models on the test split; prints figures and verdicts."""
    from components.cross_modal_evaluator.verdicts import judge
    from pipeline import settings as settings_file

    settings = settings_file.load(
        arguments.config, data=arguments.data, assignments=arguments.set, smoke=arguments.smoke
    )
    models = _models(arguments.model)
    if settings.evaluation.judge is not None:
        models |= _judge(arguments.model)
    # TensorFlow takes seconds to start: first everything that can be wrong without it.
    from components.cross_modal_evaluator.assessment import measure
    from pipeline.load_examples import load_splits

    source = settings.open_source()
    print(f"data: {printable(source.describe())}")
    splits = load_splits(settings, source)
    missing = [split for split in ("train", "test") if len(splits.get(split, ())) < 2]
    if missing:
        raise RunError(f"{source.path}: fewer than 2 pictures are in {' and in '.join(missing)}")
    measured = measure(models, splits["test"], splits["train"], settings.evaluation)
    found = measured.evaluation
    print("\n".join(metric_table(found.metrics)))
    for name, why in found.skipped.items():
        print(f"not measured: {name}: {why}")
    verdicts = judge(
        found.metrics, settings.thresholds, {}, skipped=found.skipped, faults=measured.faults
    )
    for model in (name for name in models if name in verdicts):
        print("\n".join(verdict_lines(verdicts[model].to_json())))
    if arguments.output:
        found.write(arguments.output)
        print(f"figures and samples: {arguments.output}")
    return 0


def _models(given: str | None) -> dict[str, str]:
    """Returns the SavedModels that are there; an encoder has to be, for it sees for the rest."""
    models = {"encoder": str(find_model("encoder", given))}
    for name in MODELS[1:]:
        try:
            models[name] = str(find_model(name, given))
        except ModelNotFound as error:
            print(f"{missing(name, error.outcomes[0])}; its figures are left out")
        except UsageError:
            print(f"{missing(name)}; its figures are left out")
    for name, path in models.items():
        print(f"{name}: {path}")
    return models


def _judge(given: str | None) -> dict[str, str]:
    """Returns the judge that a run trained: the run in the given directory, or the newest."""
    run = WorkDir(Path(given)) if given else newest_run()
    found = find_judge(run) if run else None
    if found is None:
        print("there is no judge of the generator's own; the run's encoder takes its place")
        return {}
    print(f"judge: {found}")
    return {"judge": str(found)}
