"""When a training is broken: losses that are no numbers, and losses that explode."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from statistics import median

# A loss explodes when it is so many times what it usually is, or was meant to be (about 1).
FACTOR = 100.0
WINDOW = 64
ENOUGH = 8


class Alarm(Exception):
    """A training is broken; says how."""


class LossWatch:
    """Compares each loss with the median of its last values.

    Medians: a few wild steps, which adversarial losses have, do not move what is usual.
    """

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))

    def check(self, losses: dict[str, float]) -> None:
        """Takes the losses of a step.

        Raises:
          Alarm: a loss is not finite, or more than `FACTOR` times its median and than 1.
        """
        broken = [name for name, value in losses.items() if not math.isfinite(value)]
        if broken:
            raise Alarm(f"{', '.join(broken)} is not finite")
        for name, value in losses.items():
            before = self._seen[name]
            usual = max(1.0, median(before)) if len(before) >= ENOUGH else math.inf
            if abs(value) > FACTOR * usual:
                raise Alarm(f"{name} exploded to {value:.3g} from about {median(before):.3g}")
            before.append(abs(value))
