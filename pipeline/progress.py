"""What a run shows on the terminal: one line a node, and how long each took."""

from __future__ import annotations

import sys
from typing import TextIO

from components.run_report.words import duration

WIDTH = 34


class Progress:
    """Prints `[ 3/22] Name  ran  12.3 s`; on a terminal also the node that is at work."""

    def __init__(self, nodes: list[str], stream: TextIO | None = None):
        self._nodes = nodes
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self.outcomes: dict[str, str] = {}

    def started(self, node: str) -> None:
        if self._live:
            self._write(f"{self._label(node)} ...", end="\r")

    def finished(self, node: str, outcome: str, seconds: float) -> None:
        """Prints the node's line; `outcome` is one word, such as `ran` or `cached`."""
        self.outcomes[node] = outcome
        clear = "\x1b[K" if self._live else ""
        self._write(f"{clear}{self._label(node):<{WIDTH}} {outcome:<10}{duration(seconds):>9}")

    def _label(self, node: str) -> str:
        width = len(str(len(self._nodes)))
        return f"[{self._nodes.index(node) + 1:>{width}}/{len(self._nodes)}] {node}"

    def _write(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._stream, flush=True)
