"""Two ways to do one thing, timed by turns: their ratio, with an interval."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from trainer.metrics.intervals import Estimate, bootstrap_ratio


class Comparison(NamedTuple):
    """What was found of two ways.

    Attributes:
      first, second: median seconds of both.
      ratio: how many times as long the first takes as the second.
    """

    first: float
    second: float
    ratio: Estimate


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds that `work` takes in this process."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def compare(
    name: str,
    one: Callable[[], Any],
    other: Callable[[], Any],
    rounds: int = 40,
    clock: Callable[[Callable[[], Any]], float] = seconds_of,
) -> Comparison:
    """Prints the median milliseconds of both and how many times as long `one` takes as `other`.

    The order within a pair changes from round to round, so that a machine that slows down slows
    down both.

    Args:
      name: of both, printed before the times.
      one, other: called without arguments, twice before they count.
      rounds: pairs.
      clock: calls one of them and gives its seconds; what another process does times itself.
    """
    one(), other(), one(), other()
    seconds = np.zeros([rounds, 2])
    for index in range(rounds):
        order = (0, 1) if index % 2 == 0 else (1, 0)
        for which in order:
            seconds[index, which] = clock((one, other)[which])
    ratio = bootstrap_ratio(seconds[:, 0], seconds[:, 1], seed=0)
    first, second = np.median(seconds, axis=0)
    print(
        f"{name}: {1000 * first:.1f} ms / {1000 * second:.1f} ms = {ratio.value:.2f} "
        f"({ratio.low:.2f} to {ratio.high:.2f}), {rounds} pairs",
        flush=True,
    )
    return Comparison(float(first), float(second), ratio)
