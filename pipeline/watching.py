"""Looks for new spans of data and runs a config on each, one after the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from data.base.errors import DataError
from data.base.files import read_json, write_whole
from data.sources import spans
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.stages import digest
from pipeline.work_dir import WorkDir
from trainer.settings_loader import SettingsError, to_mapping

DONE, FAILED = "done", "failed"
_STATE = "watch.json"


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
    return path if spans.SPAN in path else f"{path.rstrip('/')}/span-{spans.SPAN}"


def require_spans(settings: Settings) -> None:
    """Refuses settings that name one span for good.

    Raises:
      SettingsError: the message says what to change.
    """
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
