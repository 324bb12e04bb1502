"""`tuwen check-data`: a data set as a run would see it, and what is wrong with it.

With `-o` it writes a page that loads nothing, its figures as JSON, and a contact sheet.
"""

from __future__ import annotations

import argparse
import base64
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from data.base import files
from data.base.errors import AddressError, DataError
from pipeline.commands.arguments import whole_number
from pipeline.errors import UsageError
from pipeline.model_lookup import find_model
from pipeline.work_dir import MODELS

if TYPE_CHECKING:
    from components.caption_example_gen.options import IngestOptions
    from data.checking.check import CheckResult
    from data.checking.findings import CheckLimits
    from data.checking.vocabulary_coverage import ModelWords

# Of the packaged configs for photographs.
_RESOLUTION = 64

EXAMPLES = (
    "tuwen check-data my-pictures/ -o check/",
    "tuwen check-data tfds:captioned_scenes/32px",
    "tuwen check-data 'data/span-{SPAN}' --window 3 --model runs/fashion64",
)
PAGE, FIGURES, SHEET = "index.html", "check.json", "contact.jpg"
_SHOWN_REJECTS = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument(
        "path", help="captioned folder or file, COCO captions, or tfds:NAME[/CONFIG]"
    )
    parser.add_argument("--data-dir", help="where TFDS keeps its data sets")
    parser.add_argument("--images", help="the folder that image paths start from")
    parser.add_argument("--files", metavar="PATTERN", help="caption files of a folder")
    parser.add_argument(
        "--span", type=whole_number, help="the number for {SPAN} in PATH (the newest)"
    )
    parser.add_argument(
        "--window", type=whole_number, default=1, help="spans to read, this one the last"
    )
    parser.add_argument(
        "--resolution",
        type=whole_number,
        help="side of the models' pictures (64, or the config's)",
    )
    parser.add_argument(
        "--config", metavar="CONFIG", help="read and judge the data as a run of this config would"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change any setting of the config, or of the defaults without one",
    )
    parser.add_argument(
        "--model", metavar="DIR", help="say which words this SavedModel or run does not know"
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="write a page and check.json here")


def run(arguments: argparse.Namespace) -> int:
    """Prints figures and findings; returns 1 when a run would stop on this data."""
    from data.checking.check import unreadable
    from data.checking.console import render

    model = _model_words(arguments.model) if arguments.model else None
    try:
        result = _check(arguments, model)
    except AddressError:
        raise
    except DataError as error:
        result = unreadable(arguments.path, error)
    print(render(result))
    if arguments.output:
        print(f"page: {write_page(result, Path(arguments.output))}")
    return 0 if result.ok else 1


def _check(arguments: argparse.Namespace, model: ModelWords | None) -> CheckResult:
    from tqdm import tqdm

    from data.checking.check import check
    from data.sources import spans

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
    from data.checking.vocabulary_coverage import ModelWords
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


def write_page(result: CheckResult, directory: Path) -> Path:
    """Writes the page, `check.json` and `contact.jpg` into `directory`; returns the page's path."""
    from data.checking.check import sheet

    files.write_whole(str(directory / FIGURES), result.to_json().encode("utf-8", "replace"))
    if result.samples:
        files.write_whole(str(directory / SHEET), sheet(result.samples))
    page = directory / PAGE
    files.write_whole(str(page), page_html(result).encode("utf-8", "replace"))
    return page


def page_html(result: CheckResult) -> str:
    """Returns the page as HTML text."""
    from components.run_report.pages import environment
    from data.checking import console
    from data.checking.vocabulary_coverage import by_language

    jinja = environment(Path(__file__).with_name("templates"))
    jinja.filters["places"] = console.places
    jinja.filters["named"] = lambda counts: {str(key): count for key, count in counts.items()}
    jinja.filters["base64"] = lambda content: base64.b64encode(content).decode()
    return jinja.get_template("check.html").render(
        result=result,
        shares=by_language(result.model) if result.model else {},
        rejects=result.rejects[:_SHOWN_REJECTS],
    )
