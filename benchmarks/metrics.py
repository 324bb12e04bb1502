"""Seconds and memory of the metrics that compare two sets of pictures.

python -m benchmarks.metrics                     # 10,000 x 10,000 features of width 256
python -m benchmarks.metrics --pictures 50000
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np

from trainer.metrics.distribution import cover, fid, kid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=10_000, help="of each set (10000)")
    parser.add_argument("--width", type=int, default=256, help="of a feature vector (256)")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    shape = (arguments.pictures, arguments.width)
    real = rng.standard_normal(shape, np.float32)
    fake = 0.1 + 1.1 * rng.standard_normal(shape, np.float32)
    measures: dict[str, Callable[[], object]] = {
        "FID": lambda: fid(real, fake),
        "KID with its interval": lambda: kid(real, fake),
        "precision, recall, density, coverage": lambda: cover(real, fake).estimates(),
    }
    print(f"{arguments.pictures:,} x {arguments.pictures:,} features of width {arguments.width}")
    begun, spent = time.perf_counter(), time.process_time()
    for name, measure in measures.items():
        wall, cpu = time.perf_counter(), time.process_time()
        measure()
        tell(name, time.perf_counter() - wall, time.process_time() - cpu)
    tell("all", time.perf_counter() - begun, time.process_time() - spent)


def tell(name: str, wall: float, cpu: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name}: {wall:.1f} s, {cpu:.1f} CPU s, peak so far {peak:.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
