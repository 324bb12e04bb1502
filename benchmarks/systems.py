"""Every generator at equal minutes on the generated scenes, judged by an encoder it never saw.

python -m benchmarks.systems WORK --minutes 2 --seeds 3    # goes on where it was stopped
python -m benchmarks.systems WORK --table                  # prints what there is, as Markdown
python -m benchmarks.systems WORK --table --sheet FILE.png # and shows what was painted

First a step of each system is timed, on an idle machine. Minutes are steps from then on, so that
trainings may take as long as they like.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.step_cost import seconds_per_step
from data import prepared
from pipeline import settings as settings_file
from pipeline.load_examples import load_splits
from pipeline.stages import stage_experiment
from trainer import serving
from trainer.config import ADVERSARIAL_LOSSES, ARCHITECTURES
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.inputs import decode
from trainer.evaluation.settings import EvaluationSettings
from trainer.tasks.base import grid_of

ENCODER_STEPS = 2500
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
NAMES_WIDTH = 230
FIGURES = ("pixel_agreement", "attribute_agreement", "r_precision_1of100", "kid_encoder_n500")
PROMPTS = (
    "a red circle",
    "a large yellow star on a black background",
    "two blue squares",
    "a green triangle above an orange circle",
    "a purple square left of a pink cross",
    "三个红色的圆形",
    "一个蓝色的圆环在黄色三角形的下方",
    "a small turquoise ring on a beige background",
)


def systems() -> dict[str, list[str]]:
    """Settings of the generator by system, in the order of the table."""
    named = {f"{name}": [f"architecture={name}"] for name in ARCHITECTURES}
    named |= {f"loss {name}": [f"loss={name}"] for name in ADVERSARIAL_LOSSES if name != "hinge"}
    return named | PARTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="directory of models and results")
    parser.add_argument("--minutes", type=float, default=2.0, help="of each training (2)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each system (3)")
    parser.add_argument("--only", default="", help="systems whose name contains this")
    parser.add_argument("--table", action="store_true", help="only print the table")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="picture of what was painted")
    arguments = parser.parse_args()
    bench = Bench(arguments.work, arguments.minutes)
    if not arguments.table:
        bench.measure([name for name in systems() if arguments.only in name], arguments.seeds)
    print(bench.table())
    if arguments.sheet:
        bench.sheet().quantize(dither=Image.Dither.NONE).save(arguments.sheet, optimize=True)


class Bench:
    """Trains and judges in `work`, and keeps what was found in `work/systems.jsonl`."""

    def __init__(self, work: Path, minutes: float):
        self.work, self.minutes = work, minutes
        self.results, self.costs = work / "systems.jsonl", work / "seconds_per_step.json"

    def measure(self, names: list[str], seeds: int) -> None:
        """Trains and judges what is not there yet, seed by seed."""
        for directory, seed in ((self.work, 0), (self.work / "judge", 1)):
            if not (directory / "models" / "encoder").is_dir():
                tuwen_train(directory, "encoder", ENCODER_STEPS, [f"training.seed={seed}"])
        costs = self.time_steps(names)
        judge = Judge(self.work)
        for seed in range(seeds):
            for name in names:
                key = {"system": name, "seed": seed, "minutes": self.minutes}
                if key in [{part: line[part] for part in key} for line in self.lines()]:
                    continue
                steps = round(60 * self.minutes / costs[name])
                chosen = [f"generator.{assignment}" for assignment in systems()[name]]
                broken = tuwen_train(
                    self.work, "generator", steps, [f"training.seed={seed}", *chosen]
                )
                found = {"broken": broken} if broken else judge.figures()
                if not broken and seed == 0:
                    self.paint(name)
                with self.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(key | {"steps": steps} | found) + "\n")

    def time_steps(self, names: list[str]) -> dict[str, float]:
        """Seconds of a step by system; times those that have none yet."""
        costs = json.loads(self.costs.read_text()) if self.costs.is_file() else {}
        data = prepared.load(str(next(self.work.glob("prepared-*"))))
        encoder = str(self.work / "models" / "encoder")
        for name in names:
            if name not in costs:
                chosen = [f"generator.{assignment}" for assignment in systems()[name]]
                experiment = stage_experiment(
                    settings_file.load("demo", assignments=chosen), "generator"
                )
                costs[name] = seconds_per_step(experiment, data, encoder)
                print(f"{name}: {1000 * costs[name]:.1f} ms a step", flush=True)
                self.costs.write_text(json.dumps(costs, indent=2))
        return costs

    def paint(self, name: str) -> None:
        """Keeps what the newest generator paints for the same captions."""
        model = serving.load(str(self.work / "models" / "generator"))
        painted = serving.generate(model, PROMPTS, seeds=list(range(len(PROMPTS))))
        strip = grid_of(np.stack([decode(picture.png) for picture in painted]), len(PROMPTS))
        place = self.strip_of(name)
        place.parent.mkdir(exist_ok=True)
        np.save(place, strip)

    def strip_of(self, name: str) -> Path:
        """Where the pictures of a system are kept."""
        return self.work / "pictures" / f"{name.replace(' ', '_')}.npy"

    def sheet(self) -> Image.Image:
        """The systems' names and, beside each, its pictures of all prompts."""
        names = [name for name in systems() if self.strip_of(name).is_file()]
        strips = [np.load(self.strip_of(name)) for name in names]
        height, width = 2 * strips[0].shape[0], 2 * strips[0].shape[1]
        sheet = Image.new("RGB", (NAMES_WIDTH + width, height * len(names)), "white")
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
        for row, (name, strip) in enumerate(zip(names, strips, strict=True)):
            top = row * height
            draw.text((8, top + height // 2), name, "black", font, anchor="lm")
            enlarged = Image.fromarray(strip).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(enlarged, (NAMES_WIDTH, top))
        return sheet

    def lines(self) -> list[dict]:
        """The results so far."""
        if not self.results.is_file():
            return []
        return [json.loads(line) for line in self.results.read_text(encoding="utf-8").splitlines()]

    def table(self) -> str:
        """Markdown: the mean over seeds and, behind it, the lowest and highest."""
        costs = json.loads(self.costs.read_text())
        batch = settings_file.load("demo").experiment().generator.batch_size
        groups = defaultdict(list)
        for line in self.lines():
            if line["minutes"] == self.minutes:
                groups[line["system"]].append(line)
        columns = [*FIGURES, "images/s", "weights", "seeds"]
        rows = [f"| system | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        for name, group in [(name, groups[name]) for name in systems() if name in groups]:
            whole = [line for line in group if "broken" not in line]
            cells = [spread([line[column] for line in whole]) for column in FIGURES]
            cells += [f"{batch / costs[name]:,.0f}", weights(whole)]
            cells += [f"{len(whole)}" if whole == group else f"{len(whole)} of {len(group)}"]
            rows.append(f"| {name} | {' | '.join(cells)} |")
        return "\n".join(rows)


def tuwen_train(work: Path, stage: str, steps: int, assignments: list[str]) -> str:
    """Trains a stage in a process of its own; returns why it broke down, or nothing."""
    sets = [part for assignment in assignments for part in ("--set", assignment)]
    command = ["-m", "pipeline.cli", "train", "demo", "--stage", stage, "--work", str(work)]
    done = subprocess.run(
        [sys.executable, *command, "--steps", str(steps), *sets],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode and "rollbacks" not in done.stderr:
        raise RuntimeError(f"{stage} was not trained:\n{done.stderr}")
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


class Judge:
    """Judges `work/models/generator` on the test split."""

    def __init__(self, work: Path):
        settings = settings_file.load("demo")
        self.splits = load_splits(settings, settings.open_source())
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
        chosen = {name: values[name] for name in FIGURES}
        return chosen | {"parameters": summary["parameters"], "alarms": summary["alarms"]}


def _written(path: Path) -> float:
    return path.stat().st_mtime


def weights(group: list[dict]) -> str:
    """`1.75 + 1.10 M`: of each trained model."""
    if not group:
        return ""
    return " + ".join(f"{value / 1e6:.2f}" for value in group[0]["parameters"].values()) + " M"


def spread(values: list[float]) -> str:
    """`0.81 (0.79 to 0.83)`."""
    if not values:
        return "broke down"
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
