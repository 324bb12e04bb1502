"""Steps from minutes: a throughput probe, re-planned while training goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

PROBE_STEPS = 10


class Budget:
    """Tells how far training is and when it is over.

    With a fixed number of steps, progress is step / steps and nothing depends on the clock. With
    seconds, the first steps (which compile the graph) are left out, the rate of the following ones
    gives the total, and the rate since then corrects it, so that schedules end at the deadline.

    Attributes:
      elapsed: seconds trained in earlier runs of the same training and in this one.
    """

    def __init__(
        self,
        seconds: float | None,
        steps: int | None,
        elapsed: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Give exactly one of `seconds` and `steps`."""
        if (seconds is None) == (steps is None):
            raise ValueError("give either seconds or steps")
        self._seconds = math.inf if seconds is None else seconds
        self._steps = steps
        self._clock = clock
        self._start = clock() - elapsed
        self._probe: tuple[int, float] | None = None
        self._first: int | None = None
        self._progress = 0.0

    @property
    def elapsed(self) -> float:
        return self._clock() - self._start

    def total_steps(self, step: int) -> int | None:
        """The planned number of steps, or None while the probe still runs."""
        if self._steps is not None:
            return self._steps
        if self._probe is None or step <= self._probe[0]:
            return None
        since_step, since = self._probe
        rate = (step - since_step) / max(self.elapsed - since, 1e-6)
        left = max(0.0, self._seconds - self.elapsed)
        return max(step, step + int(left * rate))

    def progress(self, step: int) -> float:
        """Share of the training done before `step`, 0 to 1; never falls."""
        if self._steps is not None:
            return min(1.0, step / self._steps)
        self._first = step if self._first is None else self._first
        if self._probe is None and step - self._first >= 2:
            self._probe = (step, self.elapsed)
        total = self.total_steps(step)
        by_time = min(1.0, self.elapsed / self._seconds)
        settled = self._probe is not None and step - self._probe[0] >= PROBE_STEPS
        now = step / total if settled and total else by_time
        self._progress = max(self._progress, min(1.0, now))
        return self._progress

    def rewind(self, step: int) -> None:
        """Training goes on from `step` again; the time is spent all the same."""
        self._probe, self._first = None, step

    def over(self, step: int) -> bool:
        """True when no further step should begin."""
        if self._steps is not None:
            return step >= self._steps
        return self.elapsed >= self._seconds

    def seconds_left(self, step: int, rate: float) -> float:
        """Expected seconds to the end, `rate` in steps a second."""
        if self._steps is not None:
            return max(0.0, (self._steps - step) / max(rate, 1e-9))
        return max(0.0, self._seconds - self.elapsed)
