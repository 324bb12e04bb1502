"""Threads that send requests to a model server and note what comes back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.serving_clients import Client, Failed, Refused
from benchmarks.serving_requests import Request, faults


class Sent(NamedTuple):
    """One request and its right answer; None where it must be refused."""

    request: Request
    right: dict[str, np.ndarray] | None


@dataclass
class Outcome:
    """What many requests came to.

    Attributes:
      seconds: of each request that was answered or refused.
      problems: every fault, by what it is.
      bad: wrong requests that were answered with an error, by what was wrong with them.
      rows: rows of all good requests.
      elapsed: seconds of all together.
    """

    seconds: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    elapsed: float = 0.0

    def milliseconds(self) -> dict[str, float]:
        """p50, p95 and p99."""
        found = np.percentile(np.array(self.seconds) * 1000, [50, 95, 99])
        return dict(zip(("p50", "p95", "p99"), found.round(2).tolist(), strict=True))


def drive(
    connect: Callable[[], Client],
    take: Callable[[], Sent | None],
    concurrency: int,
) -> Outcome:
    """Sends requests from several threads until there are none.

    Args:
      connect: makes a client; each thread has its own.
      take: the next request, or None at the end; called by one thread at a time.
      concurrency: threads.
    """
    outcome, lock = Outcome(), threading.Lock()

    def work() -> None:
        client = connect()
        while True:
            with lock:
                sent = take()
            if sent is None:
                return
            started = time.perf_counter()
            problem = _problem(client, sent)
            seconds = time.perf_counter() - started
            with lock:
                outcome.seconds.append(seconds)
                if problem:
                    outcome.problems[
                        f"{sent.request.model} {sent.request.signature}: {problem}"
                    ] += 1
                elif sent.request.wrong:
                    outcome.bad[sent.request.wrong] += 1
                else:
                    outcome.rows += len(next(iter(sent.request.inputs.values())))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(concurrency)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome.elapsed = time.perf_counter() - started
    return outcome


def _problem(client: Client, sent: Sent) -> str:
    request, right = sent
    try:
        answer = client(request)
    except Refused as error:
        return "" if request.refused else f"a right request was refused: {error}"
    except Failed as error:
        return f"failed ({request.wrong or 'a right request'}): {error}"
    if right is None:
        return f"{request.wrong} was answered"
    return faults(request, answer, right)


class Memory:
    """Resident memory of a process and all below it, by its id."""

    def __init__(self, pid: int):
        self._pid = pid

    def mib(self) -> float:
        """Now, in MiB."""
        return sum(_resident(pid) for pid in _family(self._pid)) / 1024


def _family(pid: int) -> list[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
