"""`tuwen evaluate`: the figures of trained models once more, without TFX."""

from __future__ import annotations

import argparse

from components.cross_modal_evaluator.judge import judge
from pipeline import settings as settings_file
from pipeline.errors import RunError, UsageError
from pipeline.tables import metric_table
from pipeline.verdicts import verdict_lines
from pipeline.work_dir import MODELS, find_model


def run(arguments: argparse.Namespace) -> int:
    """Measures the models on the test split; prints figures and verdicts."""
    settings = settings_file.load(
        arguments.config, data=arguments.data, assignments=arguments.set, smoke=arguments.smoke
    )
    models = _models(arguments.model)
    # TensorFlow takes seconds to start: first everything that can be wrong without it.
    from components.cross_modal_evaluator.measure import measure
    from pipeline.collecting import collect_splits

    source = settings.open_source()
    print(f"data: {source.describe()}")
    splits = collect_splits(settings, source)
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
    for model in models:
        print("\n".join(verdict_lines(verdicts[model].to_json())))
    if arguments.output:
        found.write(arguments.output)
        print(f"figures and samples: {arguments.output}")
    return 0


def _models(given: str | None) -> dict[str, str]:
    """Returns the SavedModels that are there; an encoder has to be, for it is the judge's eye."""
    models = {"encoder": str(find_model("encoder", given))}
    for name in MODELS[1:]:
        try:
            models[name] = str(find_model(name, given))
        except UsageError:
            print(f"there is no {name}; its figures are left out")
    for name, path in models.items():
        print(f"{name}: {path}")
    return models
