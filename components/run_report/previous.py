"""Finds the run before this one, to say what changed since."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from components.run_report.report_data import Previous
from data.base import files
from trainer.metrics.result import Metric

_LOG = logging.getLogger(__name__)


def previous_run(uri: str, name: str) -> Previous | None:
    """Returns settings and figures of the newest report before the one at `uri`.

    Args:
      uri: of this report's artefact; its last part is the number of the execution, and the
        artefacts beside it are those of earlier runs.
      name: of the file with a report's content.

    Returns:
      None where there is none on this disk, or where it was written by a version that cannot be
      read.
    """
    own = uri.rstrip("/").rpartition("/")[2]
    if files.is_remote(uri) or not own.isdecimal():
        return None
    beside = [item for item in Path(uri).parent.glob(f"[0-9]*/{name}") if _number(item) < int(own)]
    if not beside:
        return None
    path = max(beside, key=_number)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for metric in record["metrics"]:
            Metric.from_json(metric)
        return Previous(record["made"], record["config"], tuple(record["metrics"]))
    except (KeyError, TypeError, ValueError) as error:
        _LOG.warning("%s cannot be compared with: %s", path, error)
        return None


def _number(path: Path) -> int:
    return int(path.parent.name) if path.parent.name.isdecimal() else -1
