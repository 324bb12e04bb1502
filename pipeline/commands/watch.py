"""`tuwen watch`: a run whenever a new span of data has arrived."""

from __future__ import annotations

import argparse
import signal
import subprocess
import time
from pathlib import Path

from pipeline import settings as settings_file
from pipeline.processes import Ending, run_command
from pipeline.watching import Watch, require_spans, spans_in
from pipeline.work_dir import WorkDir, default_work_dir

# Between two looks of --once, which tell data that are still arriving from data that are there.
SETTLING_SECONDS = 5.0
_PATIENCE = 0.2


def run(arguments: argparse.Namespace) -> int:
    """Looks every so often until it is interrupted; `--once` for a scheduler of one's own."""
    data = spans_in(arguments.data) if arguments.data else None
    settings = settings_file.load(
        arguments.config,
        data=data,
        minutes=arguments.minutes,
        assignments=arguments.set,
        smoke=arguments.smoke,
    )
    require_spans(settings)
    work = WorkDir(Path(arguments.work)) if arguments.work else default_work_dir(settings.name)
    with Ending() as ending:
        watch = Watch(settings, work, lambda: _run(arguments, data, work, ending), _say)
        if arguments.once:
            watch.look()
            ending.wait(min(SETTLING_SECONDS, arguments.every))
            return 1 if watch.look() is False else 0
        _say(f"watching {settings.source.path} every {arguments.every:g} s (Ctrl-C ends it)")
        while not ending:
            watch.look()
            ending.wait(arguments.every)
    _say("ended")
    return 0


def _run(
    arguments: argparse.Namespace, data: str | None, work: WorkDir, ending: Ending
) -> bool | None:
    """Runs the config in a process of its own, which gives back all that it took."""
    command = run_command(
        arguments.config,
        work,
        data=data,
        minutes=arguments.minutes,
        assignments=arguments.set,
        smoke=arguments.smoke,
    )
    # In a session of its own: what ends this process is passed on once, and not by the terminal.
    child = subprocess.Popen(command, start_new_session=True)
    try:
        while child.poll() is None and not ending:
            ending.wait(_PATIENCE)
        if child.poll() is None:
            _say("ending the run; the next one goes on from here")
            child.send_signal(signal.SIGINT)
            child.wait()
            return None
        return child.returncode == 0
    finally:
        if child.poll() is None:
            child.kill()


def _say(line: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}", flush=True)
