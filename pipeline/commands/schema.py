"""`tuwen schema diff`: what a run's data would change in the schema that a person has reviewed."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path
from typing import Any

from components.transform import SCHEMA_FILE, read_schema
from data.base import files
from pipeline.errors import UsageError
from pipeline.model_lookup import require_run
from pipeline.work_dir import WorkDir
from trainer.settings_loader import read_yaml

PROPOSAL = "schema.proposed.pbtxt"
STATISTICS_FILE = "FeatureStats.pb"

EXAMPLES = ("tuwen schema diff", "tuwen schema diff runs/fashion64 --schema schema.pbtxt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument("action", choices=("diff",), help="compare, and write a proposal")
    parser.add_argument("work", nargs="?", metavar="DIR", help="work directory (the newest run)")
    parser.add_argument("--schema", metavar="FILE", help="reviewed .pbtxt (the run's own)")
    parser.add_argument("-o", "--output", metavar="FILE", help="where the proposal goes")


def run(arguments: argparse.Namespace) -> int:
    """Prints the difference and writes a proposal; returns 1 where there is a difference."""
    work = WorkDir(Path(arguments.work)) if arguments.work else require_run()
    statistics = _newest_statistics(work)
    reviewed = _reviewed(arguments.schema, work)
    read_schema(reviewed)
    text, reasons = propose(reviewed.read_text(encoding="utf-8"), statistics)
    if not reasons:
        print(f"{reviewed}: the data of {work.root} change nothing in it.")
        return 0
    print(f"{reviewed}: the data of {work.root} do not fit it.")
    print("\n".join(f"  {reason}" for reason in reasons))
    before = reviewed.read_text(encoding="utf-8").splitlines()
    for line in difflib.unified_diff(before, text.splitlines(), "reviewed", "proposed", "", "", 2):
        print(line.rstrip("\n"))
    target = Path(arguments.output or work.root / PROPOSAL)
    files.write_whole(str(target), text.encode("utf-8"))
    print(f"proposal: {target}. To accept it, review it, and set 'schema: {target}' in the config.")
    return 1


def propose(reviewed: str, statistics: dict[str, bytes]) -> tuple[str, list[str]]:
    """Returns the schema that takes the data, as text, and what it had to change, with reasons.

    Args:
      reviewed: a schema in text form.
      statistics: serialized `DatasetFeatureStatisticsList` by split.

    Comments of the reviewed file are kept at its top; a schema that takes the data comes back as
    it is.
    """
    import tensorflow_data_validation as tfdv
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

    schema = text_format.Parse(reviewed, schema_pb2.Schema())
    reasons: list[str] = []
    for split, serialized in statistics.items():
        found = statistics_pb2.DatasetFeatureStatisticsList.FromString(serialized)
        anomalies = tfdv.validate_statistics(found, schema)
        reasons += [
            f"{name} of {split}: {info.description or info.short_description}"
            for name, info in sorted(anomalies.anomaly_info.items())
        ]
        if anomalies.anomaly_info:
            schema = _taking(schema, found, tfdv)
    if not reasons:
        return reviewed, []
    comments = [line for line in reviewed.splitlines() if line.startswith("#")]
    return "\n".join([*comments, text_format.MessageToString(schema)]), reasons


def _taking(schema: Any, statistics: Any, tfdv: Any) -> Any:
    """Returns `schema` changed as little as makes the statistics valid."""
    return tfdv.update_schema(schema, statistics)


def _newest_statistics(work: WorkDir) -> dict[str, bytes]:
    folders = [
        path
        for path in work.pipeline_root.glob("StatisticsGen/statistics/*")
        if path.name.isdecimal()
    ]
    if not folders:
        raise UsageError(f"{work.root}: no statistics of data. Run 'tuwen run' there first")
    newest = max(folders, key=lambda path: int(path.name))
    return {
        path.parent.name.removeprefix("Split-"): path.read_bytes()
        for path in sorted(newest.glob(f"Split-*/{STATISTICS_FILE}"))
    }


def _reviewed(given: str | None, work: WorkDir) -> Path:
    """Returns the schema to compare with: the one named, or that of the run's settings."""
    from pipeline.settings import CURATED, INFERRED

    name = given
    if name is None and work.settings.is_file():
        settings = read_yaml(work.settings)
        name = settings.get("schema") if isinstance(settings, dict) else None
    path = Path(SCHEMA_FILE if name in (None, CURATED, INFERRED) else str(name))
    if not path.is_file():
        raise UsageError(f"{path}: no such schema. Name a .pbtxt file with --schema")
    return path
