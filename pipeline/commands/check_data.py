"""`tuwen check-data`: a data set as a run would see it, and what is wrong with it."""

from __future__ import annotations

import argparse
import functools
import json
from pathlib import Path

from tqdm import tqdm

from components.caption_example_gen.options import IngestOptions
from data.base.errors import AddressError, DataError
from data.checking.check import CheckResult, check, unreadable
from data.checking.console import render
from data.checking.findings import CheckLimits
from data.checking.vocabulary_coverage import ModelWords
from data.sources import spans
from pipeline.check_page import write
from pipeline.errors import UsageError
from pipeline.model_lookup import find_model
from pipeline.work_dir import MODELS

# Of the packaged configs for photographs.
_RESOLUTION = 64


def run(arguments: argparse.Namespace) -> int:
    """Prints figures and findings; returns 1 when a run would stop on this data."""
    model = _model_words(arguments.model) if arguments.model else None
    try:
        result = _check(arguments, model)
    except AddressError:
        raise
    except DataError as error:
        result = unreadable(arguments.path, error)
    print(render(result))
    if arguments.output:
        print(f"page: {write(result, Path(arguments.output))}")
    return 0 if result.ok else 1


def _check(arguments: argparse.Namespace, model: ModelWords | None) -> CheckResult:
    options, limits, resolution, max_reject_share = _settings(arguments)
    found = spans.resolve_window(arguments.path, arguments.window, arguments.span)
    source = spans.open_window(found, options.open)
    bar = functools.partial(tqdm, desc="reading", unit=" pictures", mininterval=0.5, leave=False)
    return check(
        source,
        limits=limits,
        resolution=arguments.resolution or resolution,
        shares=options.shares,
        min_split=options.min_split,
        max_reject_share=max_reject_share,
        model=model,
        progress=bar,
    )


def _settings(arguments: argparse.Namespace) -> tuple[IngestOptions, CheckLimits, int, float]:
    """Returns how a run of the config would read and judge the data; a run's defaults without."""
    from pipeline import settings as settings_file

    given = {
        "data_dir": arguments.data_dir,
        "images": arguments.images,
        "files_pattern": arguments.files,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    # JSON is YAML, where a pattern such as *.jsonl would mean something else.
    assignments = [f"ingest.{name}={json.dumps(value)}" for name, value in wanted.items()]
    assignments += arguments.set
    if arguments.config:
        settings = settings_file.load(
            arguments.config, data=arguments.path, assignments=assignments
        )
    else:
        settings = settings_file.defaults(arguments.path, assignments)
    resolution = settings.data.resolution if arguments.config else _RESOLUTION
    return settings.ingest, settings.gate, resolution, settings.source.max_reject_share


def _model_words(given: str) -> ModelWords:
    """Reads the vocabularies that lie beside the first model that `given` holds."""
    from trainer.export.layout import ATTRIBUTES, SIDECAR, TOKENS

    for kind in MODELS:
        try:
            directory = find_model(kind, given)
        except UsageError:
            continue
        beside = directory / SIDECAR
        tokens, names = (
            frozenset((beside / file).read_text(encoding="utf-8").split("\n"))
            for file in (TOKENS, ATTRIBUTES)
        )
        return ModelWords(str(directory), tokens, names)
    raise UsageError(f"--model {given}: holds no model. Give a SavedModel or a work directory")
