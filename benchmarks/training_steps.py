"""How fast each stage is trained, and what the kernels, the optimiser and the library have to do
with it, at the demo's settings.

python -m benchmarks.training_steps
python -m benchmarks.training_steps --avx2   # as without AVX-512 and bfloat16
python -m benchmarks.training_steps --steps bound whole --changes onednn --rounds 10

Of each step it prints images a second and which share of the processor's peak they make use of.
The peak is that of a product of two 2048 x 2048 matrices in the same dtype; of a step, only matrix
products and convolutions count. Each pair of ways is timed by turns, 16 steps at a time, in two
processes of which only one computes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.paired import compare
from benchmarks.step_worker import PRODUCT, SIDE, STEPS
from benchmarks.workers import ROOT, Worker
from data.base.processor import ONEDNN
from data.prepared import prepare
from data.scenes import as_captioned_images
from pipeline import settings as settings_file

# They hold every attribute and nearly every word of the scenes.
SCENES = 600
# How often the product is tried; the fastest counts as the peak.
PRODUCTS = 20
TORCH = ROOT / ".tools" / "torch" / "bin" / "python"
# oneDNN reads the first in either library; PyTorch's own kernels and MKL read the others.
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
CHANGES = ("onednn", "adam", "muon", "torch")


@dataclass(frozen=True)
class Way:
    """One way to compute a step.

    Attributes:
      name: in words.
      settings: `key=value`, laid over the demo's.
      environment: variables of its process.
      keras_adam: whether Adam's update is Keras's and not the fused one.
    """

    name: str
    settings: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    keras_adam: bool = False


def ways(change: str, stage: str) -> tuple[Way, Way]:
    """Both ways that a change is about, the one that is expected to take longer first."""
    adam, muon = ((f"{stage}.optimizer={name}",) for name in ("adam", "muon"))
    if change == "onednn":
        off, on = ({ONEDNN: value} for value in "01")
        return Way("oneDNN off", environment=off), Way("on", environment=on)
    if change == "adam":
        return Way("Adam by Keras", adam, keras_adam=True), Way("fused", adam)
    return Way("Muon", muon), Way("Adam", adam)


class Bench:
    """Starts workers on one machine's terms, and prints what pairs of them take.

    Attributes:
      peak: floating-point operations a second of a product of matrices.
    """

    def __init__(self, directory: Path, rounds: int, avx2: bool):
        self.directory, self.rounds = directory, rounds
        self.threads = len(os.sched_getaffinity(0))
        counted = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(self.threads))
        self.environment = {"TF_CPP_MIN_LOG_LEVEL": "2", **counted, **(AVX2 if avx2 else {})}
        self.settings = ("training.precision=float32",) if avx2 else ()
        self.peak = self._measure_peak()

    def _measure_peak(self) -> float:
        """Prints what computes, and by which kernels."""
        print(f"{processor_name()}, threads: {self.threads}")
        with self._worker(PRODUCT, Way("")) as worker:
            facts = worker.facts
            peak = facts["flops"] / min(worker.cycle() for _ in range(PRODUCTS))
        print(f"{facts['policy']}: {facts['reason']}; {facts['kernels']}")
        print(f"peak, {SIDE} x {SIDE} matrices: {peak / 1e9:,.0f} GFLOP/s", flush=True)
        return peak

    def _worker(self, step: str, way: Way) -> Worker:
        chosen = [part for one in (*self.settings, *way.settings) for part in ("--set", one)]
        adam = ["--keras-adam"] if way.keras_adam else []
        module = [sys.executable, "-m", "benchmarks.step_worker"]
        command = [*module, str(self.directory), step, *chosen, *adam]
        return Worker(command, self.environment | dict(way.environment))

    def change(self, change: str, step: str) -> None:
        """Prints what a change is worth in a step."""
        first, second = ways(change, STEPS[step].stage)
        with ExitStack() as stack:
            one, other = (stack.enter_context(self._worker(step, w)) for w in (first, second))
            self._compare(step, (first.name, one), (second.name, other))

    def twin(self) -> None:
        """Prints how PyTorch compares in the plain step of the generator."""
        if not TORCH.exists():
            print("plain, PyTorch / TensorFlow: left out, there is no .tools/torch (`make torch`)")
            return
        with ExitStack() as stack:
            ours = stack.enter_context(self._worker("plain", Way("TensorFlow")))
            twin = stack.enter_context(self._torch(ours))
            if twin.facts["weights"] != ours.facts["weights"]:
                raise SystemExit(
                    f"the twin is none: PyTorch {twin.facts['weights']}, "
                    f"TensorFlow {ours.facts['weights']} weights"
                )
            # The same layers on as many pictures: the products are the same.
            twin.facts["flops"] = ours.facts["flops"]
            self._compare("plain", (f"PyTorch {twin.facts['torch']}", twin), ("TensorFlow", ours))

    def _torch(self, ours: Worker) -> Worker:
        sizes = ours.facts["sizes"] | {
            "steps": ours.facts["steps"],
            "threads": self.threads,
            "bfloat16": "bfloat16" in ours.facts["policy"],
        }
        command = [str(TORCH), "-m", "benchmarks.torch_twin", json.dumps(sizes)]
        return Worker(command, self.environment)

    def _compare(self, step: str, *pair: tuple[str, Worker]) -> None:
        (first, one), (second, other) = pair
        found = compare(
            f"{step}, {one.facts['steps']} steps, {first} / {second}",
            one.cycle,
            other.cycle,
            self.rounds,
            # A worker times itself: what lies between the processes is no part of a step.
            clock=lambda cycle: cycle(),
        )
        for (name, worker), seconds in zip(pair, found[:2], strict=True):
            speed = worker.facts["images"] / seconds
            share = worker.facts["flops"] / seconds / self.peak
            print(f"  {name}: {speed:,.0f} images/s, {share:.1%} of the peak", flush=True)


def processor_name() -> str:
    """What `lscpu` calls the processor."""
    if not shutil.which("lscpu"):
        return "unknown processor"
    environment = {**os.environ, "LC_ALL": "C"}
    said = subprocess.run(["lscpu"], env=environment, capture_output=True, text=True, check=True)
    names = (line for line in said.stdout.splitlines() if line.startswith("Model name"))
    return next(names, ":unknown processor").partition(":")[2].strip()


def make_data(directory: Path) -> Path:
    """Prepares generated scenes as the demo does."""
    data = settings_file.load("demo").data
    names = ("resolution", "max_captions", "max_length", "vocabulary_size", "min_count")
    scenes = list(as_captioned_images(SCENES, data.resolution, seed=0))
    splits = {name: [one for one in scenes if one.split == name] for name in ("train", "val")}
    prepare(splits, str(directory), **{name: getattr(data, name) for name in names})
    return directory


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = [name for name in STEPS if name != "plain"]
    parser.add_argument("--steps", nargs="+", choices=steps, default=steps)
    parser.add_argument("--changes", nargs="+", choices=CHANGES, default=CHANGES)
    parser.add_argument("--rounds", type=int, default=20, help="pairs of each comparison (20)")
    parser.add_argument("--avx2", action="store_true", help="no AVX-512, float32")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(make_data(Path(folder, "data")), given.rounds, given.avx2)
        for change in given.changes:
            if change == "torch":
                bench.twin()
                continue
            for step in given.steps:
                bench.change(change, step)


if __name__ == "__main__":
    main()
