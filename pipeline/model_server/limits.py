"""What one request, and all of them together, may take of a model server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of a model server.

    Attributes:
      body_bytes: a request may have, after gzip is undone, and one of its tensors may take.
      rows: a tensor of a batch may have.
      values: JSON of a request may have, counted by its commas and opening brackets.
      seconds: a request may take, its wait for other requests included.
      running: requests that are worked on at a time; None: one for each core.
      waiting: further requests that may wait for their turn.
      connections: of REST and of gRPC, each.
      idle_seconds: a connection without a request stays open.
    """

    body_bytes: int = 64 * 2**20
    rows: int = 1024
    values: int = 4 * 2**20
    seconds: float = 60.0
    running: int | None = None
    waiting: int = 64
    connections: int = 256
    idle_seconds: float = 60.0

    @property
    def held_bytes(self) -> int:
        """What all requests that are received, wait or are worked on may have together."""
        return 8 * self.body_bytes
