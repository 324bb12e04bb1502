"""Commands that serve until somebody ends them."""

from __future__ import annotations

import signal
import threading


def wait_for_the_end() -> None:
    """Returns once the process is interrupted (Ctrl-C) or told to end (SIGTERM)."""
    ended = threading.Event()
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    for one in before:
        signal.signal(one, lambda *_: ended.set())
    try:
        ended.wait()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
