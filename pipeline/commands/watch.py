"""`tuwen watch`: a run whenever a new span of data has arrived."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data.base.errors import DataError
from data.base.files import read_json, write_whole
from pipeline.commands.arguments import add_config, add_work, positive_number
from pipeline.errors import UsageError
from pipeline.work_dir import WorkDir, default_work_dir
from trainer.settings_loader import SettingsError, to_mapping

if TYPE_CHECKING:
    from pipeline.processes import Ending
    from pipeline.settings import Settings

# Between two looks of --once, which tell data that are still arriving from data that are there.
SETTLING_SECONDS = 5.0
_PATIENCE = 0.2

EXAMPLES = (
    "tuwen watch fashion64 --data data/",
    "tuwen watch fashion64 --data 'data/span-{SPAN}' --every 300 --set start_from=last",
    "tuwen watch fashion64 --data data/ --once     # for cron",
)
DONE, FAILED = "done", "failed"
_STATE = "watch.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    add_config(parser)
    add_work(parser)
    parser.add_argument("--minutes", type=positive_number, help="training budget of each run")
    parser.add_argument("--smoke", action="store_true", help="run the config's smoke twin")
    parser.add_argument(
        "--every",
        type=positive_number,
        default=60.0,
        metavar="SECONDS",
        help="between two looks",
    )
    parser.add_argument(
        "--once", action="store_true", help="look once, run if there is something new, and end"
    )


def run(arguments: argparse.Namespace) -> int:
    """Looks every so often until it is interrupted; `--once` for a scheduler of one's own."""
    from pipeline import settings as settings_file
    from pipeline.processes import Ending

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
    from pipeline.processes import run_command

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


class Arrival(NamedTuple):
    """The newest data that there are.

    Attributes:
      name: of the span, for people.
      key: changes with the data and with the settings.
    """

    name: str
    key: str


def spans_in(path: str) -> str:
    """Returns a pattern for the spans in a folder; a path that is a pattern stays as it is."""
    from data.sources import spans

    return path if spans.SPAN in path else f"{path.rstrip('/')}/span-{spans.SPAN}"


def require_spans(settings: Settings) -> None:
    """Refuses settings that name one span for good.

    Raises:
      SettingsError: the message says what to change.
    """
    from data.sources import spans

    source = settings.source
    if spans.SPAN not in source.path:
        raise SettingsError(f"source.path = {source.path!r}: watch needs {spans.SPAN} in it")
    if source.span is not None:
        raise SettingsError(f"source.span = {source.span}: watch takes the newest; set it to null")


@dataclass
class Watch:
    """What has been run on, and what is to be run next.

    A failed run is not repeated: its data or settings have to change first. What was interrupted
    is taken up again.

    Attributes:
      settings, work: of the runs.
      run: starts a run and returns whether it came to its end; None where it was interrupted.
      say: takes a line for people.
    """

    settings: Settings
    work: WorkDir
    run: Callable[[], bool | None]
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        # Damaged, it is told before anything is waited for.
        self._known()
        self._seen: Arrival | None = None
        self._said = ""

    def look(self) -> bool | None:
        """Looks once; runs if there is something new that was the same at the last look.

        Returns:
          whether the run came to its end; None where there was none, or it was interrupted.
        """
        found = self._arrival()
        settled, self._seen = found == self._seen, found
        if found is None or not settled or found.key in self._known():
            return None
        try:
            with self.work.locked():
                self.say(f"{found.name}: new, or changed; running")
        except UsageError as error:
            # Another run is no reason to call this one failed.
            self.say(str(error))
            return None
        start = time.time()
        ended = self.run()
        if ended is None:
            return None
        self._remember(found, DONE if ended else FAILED, start)
        more = "" if ended else "; it is not tried again until its data or the settings change"
        self.say(f"{found.name}: the run {'is done' if ended else 'failed'}{more}")
        return ended

    def _arrival(self) -> Arrival | None:
        from data.sources import spans
        from pipeline.stages import digest

        source = self.settings.source
        try:
            newest = spans.resolve(source.path, version=source.version)
            fingerprint = self.settings.open_source().fingerprint()
        except DataError as error:
            # Said once: nothing may have arrived yet.
            if str(error) != self._said:
                self.say(str(error))
            self._said = str(error)
            return None
        version = "" if newest.version is None else f", version {newest.version}"
        return Arrival(
            f"span {newest.span}{version}", digest(to_mapping(self.settings), fingerprint)
        )

    def _known(self) -> dict[str, Any]:
        path = self.work.root / _STATE
        remedy = "Delete it; the newest data then count as new, and are run on again."
        return read_json(str(path), remedy) if path.is_file() else {}

    def _remember(self, found: Arrival, outcome: str, start: float) -> None:
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(start))
        entry = {"data": found.name, "outcome": outcome, "began": began}
        text = json.dumps(self._known() | {found.key: entry}, indent=1)
        write_whole(str(self.work.root / _STATE), text.encode("utf-8"))
