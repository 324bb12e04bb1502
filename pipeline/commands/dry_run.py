"""`tuwen dry-run`: a compiled pipeline on this machine, without a cluster."""

from __future__ import annotations

import argparse
import shutil
import signal
import time
from pathlib import Path

from components.run_report.formatting import duration
from pipeline import outcomes
from pipeline.cluster.spec import CHECKPOINTS, STORE, read_document
from pipeline.commands.arguments import whole_number
from pipeline.errors import UsageError
from pipeline.work_dir import RUNS, WorkDir

EXAMPLES = (
    "tuwen dry-run pipeline.yaml",
    "tuwen dry-run pipeline.yaml --parallel 4 --parameter data=my-pictures/",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument("pipeline", metavar="FILE", help="what 'tuwen compile' wrote")
    parser.add_argument(
        "--work", metavar="DIR", help="work directory (runs/dry-run-<name of the pipeline>)"
    )
    parser.add_argument("--parallel", type=whole_number, default=2, help="nodes at a time, at most")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="value of a parameter of the pipeline",
    )
    parser.add_argument("--fresh", action="store_true", help="run every node, whatever finished")


def run(arguments: argparse.Namespace) -> int:
    """Runs every node of the pipeline in a process of its own; prints what came out."""
    from pipeline.cluster.dry_run import DryRun
    from pipeline.cluster.launching import pipeline_parameters

    spec = read_document(Path(arguments.pipeline))
    name = spec["pipelineInfo"]["name"]
    work = WorkDir(Path(arguments.work or RUNS / f"dry-run-{name}").absolute())
    given = {STORE: str(work.root), CHECKPOINTS: ""} | read_parameters(arguments.parameter)
    values = pipeline_parameters(spec, given)
    with work.locked():
        if arguments.fresh:
            shutil.rmtree(work.pipeline_root, ignore_errors=True)
            shutil.rmtree(work.training, ignore_errors=True)
        print(f"{name}: work directory {work.root}, a log for each node in {work.log.parent}")
        # As ^C does: the nodes are ended with the run.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        DryRun(spec, values, work.root).run(arguments.parallel)
    print()
    if values[STORE] == str(work.root):
        print("\n".join(outcomes.summary_lines(work)))
    print(f"Time {duration(time.monotonic() - arguments.start)}")
    return 0


def read_parameters(assignments: list[str]) -> dict[str, object]:
    """Returns `name=value` pairs by name; values are read as YAML.

    Raises:
      UsageError: an assignment has no `=`, or a value that is not YAML.
    """
    from trainer import yaml_values

    found = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(f"--parameter {assignment}: write it as name=value")
        try:
            found[name] = yaml_values.load(value) if value else ""
        except yaml_values.YamlError as error:
            raise UsageError(f"--parameter {assignment}: {error.problem}") from None
    return found
