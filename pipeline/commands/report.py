"""`tuwen report`: where a run's report is, and its figures once more."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline import outcomes
from pipeline.errors import UsageError
from pipeline.model_lookup import require_run
from pipeline.work_dir import WorkDir

EXAMPLES = ("tuwen report", "tuwen report runs/demo")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument("work", nargs="?", metavar="DIR", help="work directory (the newest run)")


def run(arguments: argparse.Namespace) -> int:
    """Prints the summary of one run."""
    work = WorkDir(Path(arguments.work)) if arguments.work else require_run()
    if not work.root.is_dir():
        raise UsageError(f"{work.root}: no such work directory")
    if not work.report.is_file():
        raise UsageError(f"{work.root} holds no report: its run did not finish; run it again")
    print("\n".join(outcomes.summary_lines(work)))
    return 0
