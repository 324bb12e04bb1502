"""Commands that go on until somebody ends them."""

from __future__ import annotations

import signal
import threading
from types import TracebackType


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
