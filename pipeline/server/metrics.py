"""Counts and latencies under TensorFlow Serving's names, in the format that Prometheus reads.

A client library would rename them: it ends every counter in `_total`.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator

PATH = "/monitoring/prometheus/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Microseconds: TensorFlow Serving's exponential buckets.
BOUNDS = tuple(10 * 1.8**power for power in range(33))

_PREFIX = ":tensorflow:serving:"
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters and histograms of one server; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[Labels] = Counter()
        self._latencies: dict[tuple[str, Labels], _Histogram] = defaultdict(_Histogram)

    def request(self, model: str, status: str, entrypoint: str, seconds: float) -> None:
        """Counts one answered predict request.

        Args:
          model: its name; "" where a request names none that is served.
          status: canonical code, such as `OK` or `INVALID_ARGUMENT`.
          entrypoint: `REST` or `GRPC`.
          seconds: from its arrival to its answer.
        """
        labels = (("model_name", model), ("API", "predict"), ("entrypoint", entrypoint))
        with self._lock:
            self._requests[("model_name", model), ("status", status)] += 1
            self._latencies["request_latency", labels].add(seconds * 1e6)

    def run(self, model: str, seconds: float) -> None:
        """Counts one run of a model's graph."""
        labels = (("model_name", model), ("API", "Predict"), ("runtime", "TF1"))
        with self._lock:
            self._latencies["runtime_latency", labels].add(seconds * 1e6)

    def page(self) -> bytes:
        """All of it in Prometheus's text format."""
        with self._lock:
            lines = [f"# TYPE {_PREFIX}request_count counter"]
            for labels, count in sorted(self._requests.items()):
                lines.append(f"{_PREFIX}request_count{_braces(labels)} {count}")
            for name in ("request_latency", "runtime_latency"):
                lines.append(f"# TYPE {_PREFIX}{name} histogram")
                for kind, labels in sorted(self._latencies):
                    if kind == name:
                        histogram = self._latencies[kind, labels]
                        lines.extend(histogram.lines(_PREFIX + name, labels))
        return ("\n".join(lines) + "\n").encode("utf-8")


class _Histogram:
    def __init__(self) -> None:
        self.counts, self.sum = [0] * (len(BOUNDS) + 1), 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(BOUNDS, value)] += 1
        self.sum += value

    def lines(self, name: str, labels: Labels) -> Iterator[str]:
        total = 0
        for bound, count in zip((*BOUNDS, "+Inf"), self.counts, strict=True):
            total += count
            edge = bound if isinstance(bound, str) else f"{bound:g}"
            yield f"{name}_bucket{_braces((*labels, ('le', edge)))} {total}"
        yield f"{name}_sum{_braces(labels)} {self.sum:g}"
        yield f"{name}_count{_braces(labels)} {total}"


def _braces(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
