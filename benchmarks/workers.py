"""Processes that carry out one cycle of steps whenever they are told to.

Environment variables such as TF_ENABLE_ONEDNN_OPTS are read when a library is first imported, so
two ways that differ in one of them need two processes. Both stay alive, and only one computes at a
time. A worker writes a line of JSON when it is ready: what is known of its cycle. Then it answers
each line that it reads with the seconds of a cycle.

This module imports nothing but the standard library: a worker may live in another environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Lines of a worker's last words that an error shows.
LAST_LINES = 12


class WorkerError(Exception):
    """A worker ended before it had answered; the message holds its last lines."""


class Worker:
    """The parent's side of a worker; a context manager, at whose end the worker ends.

    Attributes:
      facts: what the worker said of its cycle when it was ready.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]):
        """Starts `command` in the project's root and waits until it is ready.

        Raises:
          WorkerError: it never was.
        """
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - `close` closes it
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            bufsize=1,
        )
        try:
            self.facts: dict[str, Any] = json.loads(self._answer())
        except BaseException:
            self.close()
            raise

    def cycle(self) -> float:
        """Seconds of one more cycle."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("cycle\n")
        except BrokenPipeError:
            raise WorkerError(self._last_lines()) from None
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(self._last_lines())
        return line

    def _last_lines(self) -> str:
        self._said.seek(0)
        return "\n".join(self._said.read().splitlines()[-LAST_LINES:])

    def close(self) -> None:
        """Ends the worker: there is nothing more to read for it."""
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()
        self._process.wait()
        self._said.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(prepare: Callable[[], tuple[dict[str, Any], Callable[[], object]]]) -> None:
    """The worker's side: prepares, then runs a cycle for each line of the standard input.

    Args:
      prepare: returns facts as plain values, and the cycle, which is over when it returns.
    """
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    facts, cycle = prepare()
    print(json.dumps(facts), file=answers, flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter()
        cycle()
        print(time.perf_counter() - begun, file=answers, flush=True)
