"""Whether data are read, described and prepared in constant memory and linear time.

python -m benchmarks.ingestion WORK --sizes 20000 200000  # goes on where it was stopped
python -m benchmarks.ingestion WORK --table               # prints what there is, as Markdown

Generated pictures in a captioned folder go through the nodes from CaptionExampleGen to Transform
as they are compiled for a cluster, each in a process of its own, whose seconds and peak memory are
taken. Needs an idle machine and, for 200,000 pictures of 32 pixels, 5 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.pictures import make_pictures
from data.base.files import write_whole
from pipeline import settings as settings_file
from pipeline.cluster.dry_run import environment
from pipeline.cluster.launching import Produced, pipeline_parameters, prepare
from pipeline.cluster.spec import order, tasks
from pipeline.commands.compile import compiled, with_wishes

LAST = "transform"
# Nodes whose memory must not grow; the others look at all pictures at once, or at none.
STREAMING = ("caption-example-gen", "statistics-gen", "transform")
TOLERANCE = 0.2
RESULTS = "ingestion.json"
# A small process between: Linux counts the memory of who starts a process as that process's own.
_MEASURE = """
import json, resource, subprocess, sys, time
begin = time.monotonic()
status = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
figures = {"seconds": time.monotonic() - begin, "cpu_seconds": used.ru_utime + used.ru_stime}
figures["peak_gib"] = used.ru_maxrss / 2**20
open(sys.argv[1], "w").write(json.dumps(figures))
sys.exit(status if status >= 0 else 128 - status)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="directory of data, artefacts and results")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--workers", type=int, default=1, help="Beam's processes (1, in memory)")
    parser.add_argument("--table", action="store_true", help="only print the table")
    arguments = parser.parse_args()
    results = arguments.work / RESULTS
    if not arguments.table:
        for size in arguments.sizes:
            measure(size, arguments.workers, arguments.work.absolute())
    if not results.is_file():
        parser.error(f"{results} is not there yet: run without --table first")
    text = table(json.loads(results.read_text(encoding="utf-8")))
    write_whole(str(results.with_suffix(".md")), f"{text}\n".encode())
    print(text)


def measure(size: int, workers: int, work: Path) -> None:
    """Takes seconds and memory of the nodes that have not been measured with so many pictures."""
    place = work / f"{size}-{workers}"
    source = make_pictures(work / f"pictures-{size}", size)
    settings = settings_file.load("demo", data=str(source), assignments=[f"beam.workers={workers}"])
    wishes = argparse.Namespace(image="tuwen:benchmark", store=str(place))
    spec = compiled(with_wishes(settings, wishes), "kubeflow")[0]
    values = pipeline_parameters(spec, {})
    produced: Produced = {}
    for name in data_nodes(spec):
        launch = prepare(spec, name, values, produced, place / "pipeline_root")
        kept = launch.kept()
        if kept is None:
            launch.begin()
            log = place / "logs" / f"{name}.log"
            found = timed(launch.command(), environment(launch.container), log)
            kept = launch.publish()
            keep(work / RESULTS, {"pictures": size, "workers": workers, "node": name, **found})
        produced[name] = kept


def data_nodes(spec: dict[str, Any]) -> list[str]:
    """Returns Transform and all that it waits for, in order."""
    needed, waiting = {LAST}, [LAST]
    while waiting:
        for before in tasks(spec)[waiting.pop()].get("dependentTasks", []):
            if before not in needed:
                needed.add(before)
                waiting.append(before)
    return [name for name in order(spec) if name in needed]


def timed(command: list[str], variables: dict[str, str], log: Path) -> dict[str, float]:
    """Runs a command; returns wall clock, CPU time and peak memory of it and its children.

    Of several processes the memory is that of the largest. Exits with the log's place if the
    command fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    figures = log.with_suffix(".json")
    measured = [sys.executable, "-S", "-c", _MEASURE, str(figures), *command]
    with open(log, "w", encoding="utf-8") as file:
        done = subprocess.run(
            measured, env=variables, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        sys.exit(f"{log.stem} ended with status {done.returncode}, see {log}")
    return json.loads(figures.read_text(encoding="utf-8"))


def keep(path: Path, record: dict[str, Any]) -> None:
    """Adds a record to the results, in the place of an older one of the same kind."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    same = ("pictures", "workers", "node")
    others = [one for one in found if any(one[key] != record[key] for key in same)]
    write_whole(str(path), json.dumps([*others, record], indent=1).encode())
    print(f"{record['pictures']:,} {record['node']}: {record['seconds']:.0f} s", flush=True)


def table(records: list[dict[str, Any]]) -> str:
    """Returns the results as Markdown: each node at each size, and what grew between two sizes.

    The time of a node is start-up and a part for each picture; two sizes give both parts, and the
    part of a million pictures. With one size there is no such column.
    """
    kinds = sorted({(one["workers"], one["node"]) for one in records})
    sizes = sorted({one["pictures"] for one in records})
    found = {(one["workers"], one["node"], one["pictures"]): one for one in records}
    head = ["workers", "node", *(f"{size:,}: s / GiB" for size in sizes)]
    head += ["memory", "CPU h a million"] if len(sizes) > 1 else []
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for kind in kinds:
        given = [found.get((*kind, size)) for size in sizes]
        cells = [f"{one['seconds']:.0f} / {one['peak_gib']:.2f}" if one else "" for one in given]
        if len(sizes) > 1:
            cells += growth(given[0], given[-1], kind[1])
        lines.append(f"| {' | '.join([str(kind[0]), kind[1], *cells])} |")
    return "\n".join(lines)


def growth(small: dict[str, Any] | None, large: dict[str, Any] | None, node: str) -> list[str]:
    """Returns how memory grew, marked where it must not have, and CPU hours of a million."""
    if small is None or large is None:
        return ["", ""]
    ratio = large["peak_gib"] / small["peak_gib"]
    grew = node in STREAMING and ratio > 1 + TOLERANCE
    return [f"x {ratio:.2f}{' (not flat)' if grew else ''}", f"{cpu_hours(small, large):.3g}"]


def cpu_hours(small: dict[str, Any], large: dict[str, Any]) -> float:
    """Returns the CPU hours that a million pictures cost beyond start-up."""
    more = large["pictures"] - small["pictures"]
    return (large["cpu_seconds"] - small["cpu_seconds"]) / more * 1e6 / 3600


if __name__ == "__main__":
    main()
