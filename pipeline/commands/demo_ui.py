"""`tuwen demo-ui`: a page that paints captions and describes pictures with trained models."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.waiting import wait_for_the_end
from pipeline.work_dir import MODELS, WorkDir, find_model, newest_run


def run(arguments: argparse.Namespace) -> int:
    """Serves the page until it is interrupted."""
    work = WorkDir(Path(arguments.work)) if arguments.work else newest_run()
    if work is None:
        raise UsageError("there is no run under runs/ yet. Make one with 'tuwen run demo'")
    directories = find_models(work)
    for name, path in directories.items():
        print(f"{name}: {path}")
    for name in sorted(set(MODELS) - set(directories)):
        print(f"there is no {name}; the page leaves out what it would do")
    # Starting TensorFlow takes seconds: first everything that can be wrong without it.
    from pipeline.demo_ui import app, training_captions
    from pipeline.demo_ui.models import Models
    from pipeline.http_thread import HttpThread

    captions = training_captions.read(work.pipeline_root)
    page = app.application(Models(directories, captions), captions)
    http = HttpThread(page, arguments.host, arguments.port)
    print(f"open http://{arguments.host}:{http.port}/ in a browser; Ctrl-C ends it", flush=True)
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
    found = {}
    for name in MODELS:
        try:
            found[name] = find_model(name, str(work.root))
        except UsageError as error:
            reason = error
    if not found:
        raise UsageError(str(reason).replace("--model", "--work"))
    return found
