"""Two ways to do one thing, timed by turns in one process: their ratio, with an interval."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from trainer.metrics.intervals import bootstrap_ratio


def compare(
    name: str, one: Callable[[], object], other: Callable[[], object], rounds: int = 40
) -> None:
    """Prints the median milliseconds of both and how many times as long `one` takes as `other`.

    The order within a pair changes from round to round, so that a machine that slows down slows
    down both.
    """
    one(), other(), one(), other()
    seconds = np.zeros([rounds, 2])
    for index in range(rounds):
        order = (0, 1) if index % 2 == 0 else (1, 0)
        for which in order:
            begun = time.perf_counter()
            (one, other)[which]()
            seconds[index, which] = time.perf_counter() - begun
    ratio = bootstrap_ratio(seconds[:, 0], seconds[:, 1], seed=0)
    first, second = np.median(seconds, axis=0) * 1000
    print(
        f"{name}: {first:.1f} ms / {second:.1f} ms = {ratio.value:.2f} "
        f"({ratio.low:.2f} to {ratio.high:.2f}), {rounds} pairs",
        flush=True,
    )
