"""Runs ingestion and publishes its outputs, or stops with an error about the data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.components.example_gen import utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from components.artifact_files import keep_after_failure
from components.caption_example_gen.elements import Tally, tally_section
from components.caption_example_gen.ingest import OUTCOME, fill_gaps, ingest, read_outcome
from components.caption_example_gen.options import IngestOptions
from data.base import files
from data.base.errors import DataError
from data.checking.check import cut_split
from data.checking.checks import unread_files
from data.schema import SPLITS
from data.sources import RejectReport, Source, inventory, spans
from data.sources.inventory import Inventory

SOURCE = "source"
OPTIONS = "options"
MAX_REJECT_SHARE = "max_reject_share"
FINGERPRINT = utils.FINGERPRINT_PROPERTY_NAME
SPAN = utils.SPAN_PROPERTY_NAME
VERSION = utils.VERSION_PROPERTY_NAME
WINDOW = "window"
EXAMPLES = "examples"
REJECTS = "rejects"

REJECTS_FILE = "rejects.jsonl"
SUMMARY_FILE = "summary.json"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of CaptionExampleGen."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `Split-*` folders of examples, the rejects, and a summary.

        Raises:
          DataError: the source cannot be read, too many rows are rejected, or nothing is left. No
            examples are written then, and the rejects are in `stopped/` next to the outputs.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict[EXAMPLES])
        rejects_uri = artifact_utils.get_single_uri(output_dict[REJECTS])
        options = IngestOptions.from_json(exec_properties[OPTIONS])
        window = spans.resolve_window(
            exec_properties[SOURCE],
            exec_properties.get(WINDOW) or 1,
            exec_properties.get(SPAN),
            exec_properties.get(VERSION),
        )
        found = window[0]
        source = spans.open_window(window, options.open)
        partial = f"{examples.uri}/partial"
        with self._make_beam_pipeline() as pipeline:
            ingest(pipeline, source, partial, options)
        tally, report, cut = read_outcome(f"{partial}/{OUTCOME}")
        counted = inventory.take(source, report.kept, drawn=options.max_pictures is not None)
        summary = summarise(source, window, tally, report, counted, cut)
        _refuse(report, exec_properties[MAX_REJECT_SHARE], source.path, examples.uri)
        _log(summary)
        fill_gaps(partial, tally)
        _put_in_place(partial, examples.uri)
        _write_rejects(rejects_uri, report, summary)
        _describe(examples, found, summary[FINGERPRINT])
        if exec_properties[FINGERPRINT] not in ("", summary[FINGERPRINT]):
            logging.warning("The data in %s changed after the run was planned.", source.path)


def summarise(
    source: Source,
    window: Sequence[spans.Resolved],
    tally: Tally,
    report: RejectReport,
    counted: Inventory | None,
    cut: Sequence[str],
) -> dict[str, Any]:
    """Returns the content of `summary.json`; `window` is ordered from the newest span."""
    pictures = tally_section(tally, "pictures")
    notes = [*map(cut_split, cut), *unread_files(counted)]
    return {
        "source": source.path,
        "description": source.describe(),
        SPAN: window[0].span,
        VERSION: window[0].version,
        "window": [one.span for one in window],
        FINGERPRINT: source.fingerprint(),
        "pictures": {split: pictures.get(split, 0) for split in SPLITS},
        "captions": tally_section(tally, "captions"),
        "formats": tally_section(tally, "formats"),
        "rejects": report.by_reason(),
        "reject_share": report.share,
        "files": counted.counts() if counted else None,
        "notes": [[note.check, note.what, note.remedy, note.rows] for note in notes],
        "dropped_captions": dict(report.dropped_captions),
        "mended": dict(report.mended),
    }


def _refuse(report: RejectReport, max_share: float, path: str, output_uri: str) -> None:
    try:
        report.check_share(max_share, path)
    except DataError as error:
        lines = "".join(f"{reject.to_json()}\n" for reject in report.rejects)
        kept = keep_after_failure(output_uri, REJECTS_FILE, lines)
        raise DataError(
            error.where, error.problem, f"{error.remedy} All rejects are listed in {kept}."
        ) from None


def _log(summary: dict[str, Any]) -> None:
    """Logs the counts of files, and what the user should know about them."""
    if summary["files"]:
        counts = ", ".join(f"{what} {count}" for what, count in summary["files"].items())
        logging.info("Files: %d seen: %s.", sum(summary["files"].values()), counts)
    for check, what, remedy, _ in summary["notes"]:
        logging.warning("CaptionExampleGen, %s: %s. %s", check, what, remedy)


def _put_in_place(partial: str, uri: str) -> None:
    for split in SPLITS:
        tf.io.gfile.rename(f"{partial}/Split-{split}", f"{uri}/Split-{split}")
    tf.io.gfile.rmtree(partial)


def _write_rejects(uri: str, report: RejectReport, summary: dict[str, Any]) -> None:
    report.write(f"{uri}/{REJECTS_FILE}")
    text = json.dumps(summary, ensure_ascii=False, indent=1)
    files.write_whole(f"{uri}/{SUMMARY_FILE}", text.encode("utf-8"))


def _describe(examples: types.Artifact, found: spans.Resolved, fingerprint: str) -> None:
    examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
    examples.set_string_custom_property(utils.PAYLOAD_FORMAT_PROPERTY_NAME, "FORMAT_TF_EXAMPLE")
    examples_utils.set_file_format(examples, "tfrecords_gzip")
    examples.set_string_custom_property(FINGERPRINT, fingerprint)
    for name, number in ((SPAN, found.span), (VERSION, found.version)):
        if number is not None:
            setattr(examples, name, number)
            examples.set_int_custom_property(name, number)
