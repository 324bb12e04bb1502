"""`tuwen compare`: two runs side by side, on the terminal and on a page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from components.run_report.report_data import ReportData
from data.base import files
from pipeline.errors import UsageError
from pipeline.terminal import columns, number, wrapped
from pipeline.work_dir import WorkDir
from trainer.settings_loader import SettingsError

if TYPE_CHECKING:
    from components.run_report.comparison import Moved

HEADINGS = ("figure", "first", "second", "change", "95 % interval", "")

EXAMPLES = ("tuwen compare runs/demo runs/demo-wide", "tuwen compare runs/a runs/b -o a-b.html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument("before", metavar="RUN", help="work directory of one finished run")
    parser.add_argument("now", metavar="RUN", help="of the other, which is judged against it")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="comparison.html", help="the page to write"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints settings and figures that differ, and writes the page."""
    from components.run_report.comparison import changed_settings, moved_figures
    from components.run_report.pages import lead, render_comparison

    before, now = read_report(arguments.before), read_report(arguments.now)
    names = short_names(arguments.before, arguments.now)
    try:
        moved = moved_figures(before.metrics, now.metrics)
        page = render_comparison(names, before, now)
    except ValueError as error:
        raise UsageError(f"a run was made by another version and has to run again: {error}") from (
            error
        )
    print(f"first:  {arguments.before}\nsecond: {arguments.now}\n")
    changes = changed_settings(before.config, now.config)
    if not changes:
        print("all settings are the same")
    for change in changes:
        print("\n".join(wrapped(f"{change.key}: {change.before} -> {change.now}", "", "    ")))
    print()
    print("\n".join(columns([HEADINGS, *(_row(item) for item in moved)])))
    print("\n" + "\n".join(wrapped(lead(moved), "", "")))
    files.write_whole(arguments.output, page.encode("utf-8"))
    print(f"page: {arguments.output}")
    return 0


def read_report(directory: str) -> ReportData:
    """Returns the content of a run's report.

    Raises:
      UsageError: the directory is no finished run, or one of a version that cannot be read.
    """
    work = WorkDir(Path(directory))
    if not work.root.is_dir():
        raise UsageError(f"{directory}: no such directory; give the work directory of a run")
    path = work.report_data if work.report_data.is_file() else _last_written(work)
    if path is None:
        raise UsageError(
            f"{directory}: this is no finished run: it holds no report/report.json. Give the work "
            "directory of a run, such as runs/demo, or run it to its end"
        )
    try:
        return ReportData.from_json(path.read_text(encoding="utf-8"), str(path))
    except SettingsError as error:
        raise UsageError(f"{error}. Another version made this report: run it again") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: this is no report: {error}") from error


def short_names(before: str, now: str) -> tuple[str, str]:
    """Returns what tells the two directories apart: their last parts, or the whole paths."""
    names = Path(before).name, Path(now).name
    return names if names[0] != names[1] and all(names) else (before, now)


def _last_written(work: WorkDir) -> Path | None:
    """The newest report of a run that left no copy for people."""
    found = (work.pipeline_root / "RunReport/report").glob("[0-9]*/report.json")
    return max(found, key=lambda path: int(path.parent.name), default=None)


def _row(item: Moved) -> tuple[str, ...]:
    found = item.difference
    interval = ""
    if found is not None and found.low is not None:
        interval = f"{number(found.low)} to {number(found.high)}"
    return (
        item.name,
        number(item.before.value if item.before else None),
        number(item.now.value if item.now else None),
        f"{found.change:+.3g}" if found is not None else "",
        interval,
        item.outcome,
    )
