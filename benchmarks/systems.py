"""Every generator at equal minutes on the generated scenes, judged by an encoder it never saw.

python -m benchmarks.systems WORK --minutes 2 --seeds 3    # trains; goes on where it was stopped
python -m benchmarks.systems WORK --table                  # prints what there is, as Markdown
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from pipeline import settings as settings_file
from pipeline.collecting import collect_splits
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.settings import EvaluationSettings

ARCHITECTURES = ("mlp", "dcgan", "two_stage", "one_stage", "vae")
LOSSES = (
    "minimax",
    "non_saturating",
    "least_squares",
    "wasserstein",
    "wgan_gp",
    "hinge",
    "relativistic",
)
PARTS = {
    "without DiffAugment": ["augment=[]"],
    "DiffAugment with colour": ["augment=[colour,translation,cutout]"],
    "DiffAugment with full colour": [
        "augment=[colour,translation,cutout]",
        "augment_colour=1",
    ],
    "adaptive augmentation": ["augment_adaptive=true"],
    "without the average": ["ema_images=0"],
    "without a penalty": ["penalty=none"],
    "without mismatched captions": ["mismatch_weight=0"],
    "without the contrastive term": ["contrastive_weight=0"],
    "without the attribute term": ["attribute_weight=0"],
    "with a conditioning ramp": ["conditioning_ramp=0.25"],
    "without the bound": ["reconstruction_weight=0", "adversarial_from=0"],
    "the bound alone": ["adversarial_from=1"],
    "projection discriminator": ["discriminator=projection"],
}
FIGURES = ("pixel_agreement", "attribute_agreement", "r_precision_1of100", "kid_encoder_n500")


def systems() -> dict[str, list[str]]:
    """Settings of the generator by system, in the order of the table."""
    named = {f"{name}": [f"architecture={name}"] for name in ARCHITECTURES}
    named |= {f"loss {name}": [f"loss={name}"] for name in LOSSES if name != "hinge"}
    return named | PARTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="directory of models and results")
    parser.add_argument("--minutes", type=float, default=2.0, help="of each training (2)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each system (3)")
    parser.add_argument("--only", default="", help="systems whose name contains this")
    parser.add_argument("--table", action="store_true", help="only print the table")
    arguments = parser.parse_args()
    results = arguments.work / "systems.jsonl"
    if not arguments.table:
        measure(arguments, results)
    print(table(results))


def measure(arguments: argparse.Namespace, results: Path) -> None:
    """Trains and judges what `results` does not hold yet, seed by seed."""
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    for directory, seed in ((work, 0), (work / "judge", 1)):
        if not (directory / "models" / "encoder").is_dir():
            tuwen_train(directory, "encoder", 2 * arguments.minutes, [f"training.seed={seed}"])
    judge = Judge(work)
    for seed in range(arguments.seeds):
        for name, assignments in systems().items():
            key = {"system": name, "seed": seed, "minutes": arguments.minutes}
            if arguments.only not in name or key in [keyed(line) for line in lines(results)]:
                continue
            chosen = [f"generator.{assignment}" for assignment in assignments]
            tuwen_train(work, "generator", arguments.minutes, [f"training.seed={seed}", *chosen])
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(key | judge.figures()) + "\n")


def tuwen_train(work: Path, stage: str, minutes: float, assignments: list[str]) -> None:
    """Trains a stage in a process of its own."""
    sets = [part for assignment in assignments for part in ("--set", assignment)]
    command = ["-m", "pipeline.cli", "train", "demo", "--stage", stage, "--work", str(work)]
    subprocess.run([sys.executable, *command, "--minutes", str(minutes), *sets], check=True)


class Judge:
    """Judges `work/models/generator` on the test split."""

    def __init__(self, work: Path):
        settings = settings_file.load("demo")
        self.splits = collect_splits(settings, settings.open_source())
        self.work = work

    def figures(self) -> dict[str, float]:
        models = {
            "encoder": str(self.work / "judge" / "models" / "encoder"),
            "generator": str(self.work / "models" / "generator"),
        }
        protocol = EvaluationSettings(samples=500, exact_check="captioned_scenes")
        found = evaluate(models, self.splits["test"], self.splits["train"], protocol)
        values = {metric.name: metric.value for metric in found.metrics}
        newest = max(self.work.glob("training/generator-*/summary.json"), key=_written)
        summary = json.loads(newest.read_text(encoding="utf-8"))
        return {name: values[name] for name in FIGURES} | {
            "images_per_second": summary["images_per_second"],
            "parameters": summary["parameters"],
        }


def _written(path: Path) -> float:
    return path.stat().st_mtime


def keyed(line: dict) -> dict:
    return {name: line[name] for name in ("system", "seed", "minutes")}


def lines(results: Path) -> list[dict]:
    """The results so far."""
    if not results.is_file():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def table(results: Path) -> str:
    """Markdown: the mean over seeds and, behind it, the lowest and highest."""
    groups = defaultdict(list)
    for line in lines(results):
        groups[line["system"]].append(line)
    columns = [*FIGURES, "images_per_second"]
    rows = [f"| system | {' | '.join(columns)} | weights | seeds |"]
    rows.append("|---" * (len(columns) + 3) + "|")
    for name, group in groups.items():
        cells = [spread([line[column] for line in group]) for column in columns]
        weights = " + ".join(f"{value / 1e6:.2f} M" for value in group[0]["parameters"].values())
        rows.append(f"| {name} | {' | '.join(cells)} | {weights} | {len(group)} |")
    return "\n".join(rows)


def spread(values: list[float]) -> str:
    """`0.81 (0.79 to 0.83)`, with as many digits as tell apart."""
    mean = float(np.mean(values))
    digits = 0 if abs(mean) >= 10 else 3
    low, high = min(values), max(values)
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


if __name__ == "__main__":
    main()
