"""`tuwen demo-ui`: a page that paints captions and describes pictures with trained models."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from pipeline.commands.arguments import add_listen, add_work
from pipeline.errors import UsageError
from pipeline.model_lookup import ModelNotFound, find_model, newer_refusal, require_run
from pipeline.outcomes import earlier_answers, missing, outcome
from pipeline.work_dir import MODELS, WorkDir

EXAMPLES = ("tuwen demo-ui", "tuwen demo-ui --work runs/demo --port 7860")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    add_work(parser, "work directory of a finished run (the newest run)")
    add_listen(parser, port=7860)


def run(arguments: argparse.Namespace) -> int:
    """Serves the page until it is interrupted."""
    from pipeline.processes import wait_for_the_end

    work = WorkDir(Path(arguments.work)) if arguments.work else require_run()
    directories = find_models(work)
    for name, path in directories.items():
        print(f"{name}: {path}")
        if refusal := newer_refusal(name, path, str(work.root)):
            print(earlier_answers(refusal), file=sys.stderr)
    for name in sorted(set(MODELS) - set(directories)):
        print(f"{missing(name, outcome(work, name))}; the page leaves out what it would do")
    # Starting TensorFlow takes seconds: first everything that can be wrong without it.
    from pipeline.demo_ui import app
    from pipeline.demo_ui.models import Models, read_captions
    from pipeline.server.http_thread import HttpThread, in_url

    captions = read_captions(work.pipeline_root)
    page = app.application(Models(directories, captions), captions)
    http = HttpThread(page, arguments.host, arguments.port, names=arguments.allow_host)
    print(
        f"open http://{in_url(arguments.host)}:{http.port}/ in a browser; Ctrl-C ends it",
        flush=True,
    )
    try:
        wait_for_the_end()
    finally:
        http.stop()
    return 0


def find_models(work: WorkDir) -> dict[str, Path]:
    """The pushed models of a run by name, else those that `tuwen train` exported.

    Raises:
      UsageError: there is none at all.
    """
    if not work.root.is_dir():
        raise UsageError(f"--work {work.root}: no such directory")
    found = {}
    for name in MODELS:
        with contextlib.suppress(UsageError):
            found[name] = find_model(name, str(work.root))
    if not found:
        outcomes = [outcome(work, name) for name in MODELS]
        raise ModelNotFound(f"{work.root}: holds no model to show", outcomes)
    return found
