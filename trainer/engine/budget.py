"""Steps from minutes: a throughput probe, re-planned while training goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

# Steps among which each kind comes first, and compiles: it takes so many times the quick ones'.
EARLY_STEPS, COMPILES = 100, 10


class Budget:
    """Tells how far training is and when it is over.

    With a fixed number of steps, progress is step / steps and nothing depends on the clock. With
    seconds, the first two steps (which compile the graph) are left out, the rate of the following
    ones gives the total, and the rate since then corrects it, so that schedules end at the
    deadline. Further ones may compile among the first hundred. What they take longer is no part of
    the rate either, or it would use up the warm-up of the learning rate before anything is learned.

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
        self._last = (0, 0.0)
        self._gaps: list[float] = []
        self._progress = 0.0 if seconds is None else min(1.0, elapsed / seconds)

    @property
    def elapsed(self) -> float:
        return self._clock() - self._start

    def total_steps(self, step: int) -> int | None:
        """The planned number of steps, or None while the probe still runs."""
        if self._steps is not None:
            return self._steps
        if self._probe is None or len(self._gaps) < 3:
            return None
        since_step, since = self._probe
        spent = self.elapsed - since - self._compiling()
        left = max(0.0, self._seconds - self.elapsed)
        return max(step, step + int(left * (step - since_step) / max(spent, 1e-6)))

    def progress(self, step: int) -> float:
        """Share of the training done before `step`, 0 to 1; never falls."""
        if self._steps is not None:
            return min(1.0, step / self._steps)
        self._look(step)
        total = self.total_steps(step)
        if total:
            self._progress = max(self._progress, min(1.0, step / total))
        return self._progress

    def _look(self, step: int) -> None:
        """Notes when a step begins; the third one begins the probe."""
        now = self.elapsed
        self._first = step if self._first is None else self._first
        if self._probe is None and step - self._first >= 2:
            self._probe = self._last = (step, now)
        if self._probe and step > self._last[0] and len(self._gaps) < EARLY_STEPS:
            self._gaps.append((now - self._last[1]) / (step - self._last[0]))
            self._last = (step, now)

    def _compiling(self) -> float:
        """Seconds that early steps took beyond what a quick one takes, if much more."""
        quick = sorted(self._gaps)[len(self._gaps) // 4]
        return sum(gap - quick for gap in self._gaps if gap > COMPILES * quick)

    def rewind(self, step: int) -> None:
        """Training goes on from `step` again; the time is spent all the same."""
        self._probe, self._first, self._gaps = None, step, []

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
