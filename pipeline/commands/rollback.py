"""`tuwen rollback`: the model that was served before the current one, back in place."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.model_lookup import require_run
from pipeline.rollback import roll_back
from pipeline.work_dir import WorkDir


def run(arguments: argparse.Namespace) -> int:
    """Publishes the earlier model at once, then takes the blessing of the other one back.

    It waits for no run: a bad model may be served while the next one is being trained.
    """
    work = WorkDir(Path(arguments.work)) if arguments.work else require_run()
    done = roll_back(arguments.model, work)
    place = work.serving / done.model / str(done.version)
    print("".join(f"passed over {words}\n" for words in done.passed_over), end="")
    print(f"{done.model}: version {done.restored} is back as {place}", flush=True)
    # The client of the metadata takes seconds to start; the model is in place by now.
    from pipeline.withdrawing import withdraw

    pushed = done.withdrawn_push
    if withdraw(done.model, pushed, work):
        print(f"The blessing of version {pushed} is withdrawn: later runs compare with the one")
        print("before it, and those that start from the last model start from this one.")
    else:
        print(f"{work.metadata} holds no push of version {pushed}: nothing to withdraw")
    return 0
