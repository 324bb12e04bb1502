"""Converts a time budget into steps, by throughput that is measured during training."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

# Among the first EARLY_STEPS, a step that takes COMPILES times as long as a quick one is taken to
# have compiled a graph.
EARLY_STEPS, COMPILES = 100, 10


class Budget:
    """Reports the progress of a training and when it is over.

    With a fixed number of steps, progress is step / steps and nothing depends on the clock. With
    seconds, the total number of steps is estimated from the throughput since the third step and
    corrected at each step, so that schedules end at the deadline. The first two steps compile the
    graph and are left out. Other graphs may compile among the first hundred steps; their excess
    time is left out as well. Otherwise the estimate of the total would be too low at first, and the
    warm-up of the learning rate would be over before anything is learned.

    Attributes:
      elapsed: seconds trained, earlier runs of the same training included.
    """

    def __init__(
        self,
        seconds: float | None,
        steps: int | None,
        elapsed: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Takes exactly one of `seconds` and `steps`.

        Args:
          seconds: time budget.
          steps: number of steps.
          elapsed: seconds of earlier runs of the same training.
          clock: returns seconds; only differences count.
        """
        if (seconds is None) == (steps is None):
            raise ValueError("give either seconds or steps")
        self._seconds = math.inf if seconds is None else seconds
        self._steps = steps
        self._clock = clock
        self._start = clock() - elapsed
        self._probe: tuple[int, float] | None = None
        self._first: int | None = None
        self._last = (0, 0.0)
        self._gaps: list[float] = []
        self._progress = 0.0 if seconds is None else min(1.0, elapsed / seconds)

    @property
    def elapsed(self) -> float:
        return self._clock() - self._start

    def total_steps(self, step: int) -> int | None:
        """Returns the planned number of steps, or None until the throughput is known."""
        if self._steps is not None:
            return self._steps
        if self._probe is None or len(self._gaps) < 3:
            return None
        since_step, since = self._probe
        spent = self.elapsed - since - self._compiling()
        left = max(0.0, self._seconds - self.elapsed)
        return max(step, step + int(left * (step - since_step) / max(spent, 1e-6)))

    def progress(self, step: int) -> float:
        """Returns the fraction of the training done before `step`, 0 to 1; it never falls."""
        if self._steps is not None:
            return min(1.0, step / self._steps)
        self._look(step)
        total = self.total_steps(step)
        if total:
            self._progress = max(self._progress, min(1.0, step / total))
        return self._progress

    def _look(self, step: int) -> None:
        """Records when a step begins; the measurement starts with the third step of a run."""
        now = self.elapsed
        self._first = step if self._first is None else self._first
        if self._probe is None and step - self._first >= 2:
            self._probe = self._last = (step, now)
        if self._probe and step > self._last[0] and len(self._gaps) < EARLY_STEPS:
            self._gaps.append((now - self._last[1]) / (step - self._last[0]))
            self._last = (step, now)

    def _compiling(self) -> float:
        """Returns the excess seconds of early steps that compiled a graph."""
        quick = sorted(self._gaps)[len(self._gaps) // 4]
        return sum(gap - quick for gap in self._gaps if gap > COMPILES * quick)

    def rewind(self, step: int) -> None:
        """Restarts the measurement after a rollback to `step`; the elapsed time still counts."""
        self._probe, self._first, self._gaps = None, step, []

    def over(self, step: int) -> bool:
        """Returns whether `step` steps exhaust the budget."""
        if self._steps is not None:
            return step >= self._steps
        return self.elapsed >= self._seconds

    def seconds_left(self, step: int, rate: float) -> float:
        """Returns the expected seconds to the end at `rate` steps per second."""
        if self._steps is not None:
            return max(0.0, (self._steps - step) / max(rate, 1e-9))
        return max(0.0, self._seconds - self.elapsed)
