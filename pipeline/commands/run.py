"""`tuwen run`: the whole pipeline in this process."""

from __future__ import annotations

import argparse
import dataclasses
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from components.run_report.formatting import duration
from data.base.terminal import printable
from pipeline import beam_runners, config_files, outcomes
from pipeline.commands.arguments import add_config, add_work, positive_number, reason_text
from pipeline.work_dir import WorkDir, default_work_dir
from trainer.config import STAGES

if TYPE_CHECKING:
    from pipeline.settings import Settings

EXAMPLES = (
    "tuwen run demo",
    "tuwen run demo --smoke                       # the whole graph in seconds of training",
    "tuwen run fashion64 --data PATH --minutes 40",
    "tuwen run demo --set generator.batch_size=64 --set training.seed=1",
    "tuwen run demo --force-bless 'shown tomorrow, to be replaced on Monday'",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    add_config(parser)
    add_work(parser)
    parser.add_argument(
        "--minutes", type=positive_number, help="training budget in place of the config's"
    )
    parser.add_argument("--smoke", action="store_true", help="run the config's smoke twin")
    parser.add_argument(
        "--force-bless",
        metavar="REASON",
        type=reason_text,
        help="bless models that miss a threshold, in this run only; the reason and what it "
        "overrides are recorded with the blessing, in metrics.json and in the report",
    )
    parser.add_argument("--fresh", action="store_true", help="run every node, whatever is cached")


def run(arguments: argparse.Namespace) -> int:
    """Runs a config from its data to pushed models and a report; prints what came out."""
    from pipeline import processes
    from pipeline import settings as settings_file
    from pipeline.processes import logs_to, temporary_files

    settings = settings_file.load(
        arguments.config,
        data=arguments.data,
        minutes=arguments.minutes,
        assignments=arguments.set,
        smoke=arguments.smoke,
    )
    work = WorkDir(Path(arguments.work)) if arguments.work else default_work_dir(settings.name)
    with work.locked(), temporary_files(work), logs_to(work.log):
        print(f"{settings.name}: work directory {work.root}, log {work.log}")
        source = settings.open_source()
        print(f"data: {printable(source.describe())}")
        print(f"training: {_budget(settings)}")
        if cost := known_cost(settings, arguments.config):
            print(f"cost: {cost}")
        settings_file.save(settings, work.settings)
        if settings.pretrain is not None:
            place = work.pretraining.root
            print(f"pretraining first: {settings.pretrain.config}, in {place}", flush=True)
            processes.run_pretraining(
                settings.pretrain, work, smoke=arguments.smoke, fresh=arguments.fresh
            )
            print(f"\n{settings.name}: the pretraining is done")
        if arguments.fresh:
            shutil.rmtree(work.training, ignore_errors=True)
        _run_pipeline(settings, work, source.fingerprint(), arguments)
    print()
    print("\n".join(outcomes.summary_lines(work)))
    print(f"Time {duration(time.monotonic() - arguments.start)}, peak memory {_peak_gib():.1f} GiB")
    return 0


def _budget(settings: Settings) -> str:
    training = settings.training
    if training.steps is None:
        return f"{training.minutes:g} minutes, in shares {training.shares}"
    steps = ", ".join(f"{stage} {training.steps_of(stage):,}" for stage in STAGES)
    return f"steps: {steps}. A slow machine takes longer; --minutes N trains for N minutes instead."


def known_cost(settings: Settings, config: str) -> str | None:
    """What the head of a config says that it costs, if nothing that costs time is changed."""
    from pipeline import settings as settings_file

    own = settings_file.load(config, data=settings.source.path)
    # Another seed takes as long.
    training = dataclasses.replace(settings.training, seed=own.training.seed)
    if dataclasses.replace(settings, training=training) != own:
        return None
    return config_files.load(config_files.find(config)).header.get("Cost")


def _run_pipeline(
    settings: Settings, work: WorkDir, fingerprint: str, arguments: argparse.Namespace
) -> None:
    from pipeline.processes import adopt_loggers

    print("starting TFX, which takes half a minute ...", flush=True)
    from pipeline import local_runner
    from pipeline.graph import create_pipeline

    adopt_loggers()
    if arguments.force_bless:
        print(f"blessing by force, in this run only: {arguments.force_bless}", flush=True)
    beam = beam_runners.ready(settings.beam.arguments(), work.root / "beam")
    graph = create_pipeline(
        settings,
        work,
        data_fingerprint=fingerprint,
        force_bless=arguments.force_bless or "",
        enable_cache=not arguments.fresh,
        beam=beam,
    )
    local_runner.run(graph, sys.stdout)
    local_runner.publish_report(graph.pipeline_info.pipeline_name, work)


def _peak_gib() -> float:
    """Returns the largest resident size of this process or of one of its children."""
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(ours, theirs) / 2**20
