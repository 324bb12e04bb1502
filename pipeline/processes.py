"""Processes of runs: runs in processes of their own, and a process's log, files and end."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from data.base.plain_paths import name_of, own_folder
from pipeline.errors import RunError
from pipeline.settings import PretrainSettings
from pipeline.work_dir import WorkDir

FORMAT = "%(asctime)s %(levelname).1s %(name)s: %(message)s"


def run_command(
    config: str,
    work: WorkDir,
    *,
    data: str | None = None,
    minutes: float | None = None,
    assignments: Sequence[str] = (),
    smoke: bool = False,
    fresh: bool = False,
) -> list[str]:
    """Returns the command line; arguments are those of `tuwen run`."""
    command = [sys.executable, "-m", "pipeline.cli", "run", config, "--work", str(work.root)]
    command += ["--data", data] if data else []
    command += ["--minutes", str(minutes)] if minutes else []
    command += [part for one in assignments for part in ("--set", one)]
    return command + ["--smoke"] * smoke + ["--fresh"] * fresh


def run_pretraining(settings: PretrainSettings, work: WorkDir, *, smoke: bool, fresh: bool) -> None:
    """Runs the pretraining of the run in `work`; all from its cache if nothing has changed.

    Raises:
      RunError: it failed. What it printed says why.
    """
    command = pretraining_command(settings, work, smoke=smoke, fresh=fresh)
    if subprocess.run(command, check=False).returncode:
        raise RunError(f"the pretraining failed; its log is {work.pretraining.log}")


def pretraining_command(
    settings: PretrainSettings, work: WorkDir, *, smoke: bool, fresh: bool
) -> list[str]:
    """Returns the command line of the pretraining."""
    return run_command(
        settings.config,
        work.pretraining,
        data=settings.data,
        minutes=settings.minutes,
        assignments=settings.set,
        smoke=smoke,
        fresh=fresh,
    )


@contextlib.contextmanager
def logs_to(path: Path) -> Iterator[None]:
    """Sends logging, warnings and what native code writes to file descriptor 2 into `path`.

    Import the noisy libraries inside and then call `adopt_loggers`. Python's own `sys.stderr` stays
    on the terminal for progress bars.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    before = sys.stderr
    descriptor = os.dup(2)
    with open(path, "a", encoding="utf-8", buffering=1) as file:
        os.dup2(file.fileno(), 2)
        sys.stderr = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1, closefd=False)
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter(FORMAT))
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        root.handlers, root.level = [handler], logging.INFO
        logging.captureWarnings(True)
        try:
            yield
        finally:
            logging.captureWarnings(False)
            root.handlers, root.level = handlers, level
            sys.stderr.flush()
            os.dup2(descriptor, 2)
            os.close(descriptor)
            sys.stderr = before


def adopt_loggers() -> None:
    """Drops the handlers that libraries gave their own loggers, so that the root's serve them."""
    root = logging.getLogger()
    own = [item for item in root.handlers if type(item) is not logging.StreamHandler]
    for handler in own:
        root.removeHandler(handler)
    for logger in list(root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True


@contextlib.contextmanager
def temporary_files(work: WorkDir) -> Iterator[None]:
    """Has this process and its children put temporary files where they are removed in the end.

    Libraries leave theirs behind: TFX copies itself for every node that Beam runs. A killed process
    removes nothing, so the folder is named after the work directory, which the caller holds.
    """
    place = own_folder(tempfile.gettempdir()) / f"{name_of(str(work.root.absolute()))}.files"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(place)
    try:
        yield
    finally:
        tempfile.tempdir = before
        del os.environ["TMPDIR"]
        if variable is not None:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(place, ignore_errors=True)


class Ending:
    """True once the process is interrupted (Ctrl-C) or told to end (SIGTERM), while entered."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Ending:
        self._before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
        for one in self._before:
            signal.signal(one, lambda *_: self._ended.set())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        return self._ended.is_set()

    def wait(self, seconds: float | None = None) -> None:
        """Returns at the end, or after so many seconds."""
        self._ended.wait(seconds)


def wait_for_the_end() -> None:
    """Returns once the process is interrupted (Ctrl-C) or told to end (SIGTERM)."""
    with Ending() as ending:
        ending.wait()
