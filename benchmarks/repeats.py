"""The demo repeated: its figures over seeds, and over shorter and longer trainings.

python -m benchmarks.repeats WORK --seeds 0 1 2 3 4    # goes on where it was stopped
python -m benchmarks.repeats WORK --seeds 0 --times 0.5 1 2 4 8
python -m benchmarks.repeats WORK --set generator.kl_weight=1
python -m benchmarks.repeats WORK --table              # prints what there is, as Markdown

Each run is a `tuwen run demo` of its own, with `--times` as many training steps of every stage. Of
the generator that it exports, pushed or not, the share of right relations and counts is measured
too. A seed and a number of steps give the same models on the same processor, so only the minutes
need an idle machine. Runs of the same seed and steps share a work directory: what `--set` does not
change is not trained again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.noise import PICTURES, shares
from benchmarks.training_steps import processor_name
from data.schema import CaptionedImage
from pipeline import settings as settings_file
from pipeline.load_examples import load_splits
from pipeline.settings import Settings
from pipeline.work_dir import WorkDir
from trainer import serving
from trainer.evaluation.inputs import decode

FIGURES = {
    "pixel_agreement": "pixel check",
    "caption_truth": "captions right",
    "retrieval_text_to_image_1of100": "text to image",
    "retrieval_image_to_text_1of100": "image to text",
    "f1_micro": "attribute F1",
    "kid_encoder_n1000": "KID",
}
ASKED = ("above", "below", "left of", "right of", "behind", "in front of", "count 2", "count 3")
# Pictures that are painted at a time.
CHUNK = 50


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="directory of runs and results")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the trainings (0)")
    parser.add_argument("--times", type=float, nargs="+", default=[1.0], help="as many steps (1)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--table", action="store_true", help="only print the table")
    given = parser.parse_args(argv)
    results = given.work / "repeats.jsonl"
    if not given.table:
        for times in given.times:
            for seed in given.seeds:
                key = {"times": times, "seed": seed, "settings": given.set}
                if not any(line.items() >= key.items() for line in lines(results)):
                    run(given.work, results, key)
    print(table(lines(results)))


def lines(results: Path) -> list[dict]:
    """What there is so far."""
    if not results.is_file():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def run(directory: Path, results: Path, key: dict) -> None:
    """Runs the demo once as `key` says, and appends its figures to `results`."""
    assignments = [f"training.seed={key['seed']}", *key["settings"]]
    settings = settings_file.load("demo", assignments=assignments)
    longer = {stage: round(key["times"] * count) for stage, count in steps(settings).items()}
    work = WorkDir(directory / f"{key['times']:g}-seed{key['seed']}")
    command = ["-m", "pipeline.cli", "run", "demo", "--work", str(work.root)]
    for assignment in [f"training.steps={longer}", *assignments]:
        command += ["--set", assignment]
    begun = time.monotonic()
    # Status 1 is a refusal: its figures count like those of others.
    status = subprocess.run([sys.executable, *command], check=False).returncode
    if status not in (0, 1) or not work.metrics.is_file():
        raise SystemExit(f"the demo ended with status {status}: see {work.log}")
    seconds = time.monotonic() - begun
    report = json.loads(work.metrics.read_text(encoding="utf-8"))
    figures = {one["name"]: one["value"] for one in report["metrics"] if one["name"] in FIGURES}
    blessed = [verdict["model"] for verdict in report["verdicts"] if verdict["blessed"]]
    test = load_splits(settings, settings.open_source())["test"][:PICTURES]
    found = {
        "processor": processor_name(),
        "seconds": round(seconds),
        "blessed": blessed,
        "figures": figures,
        "asked": painted_right(work, test),
    }
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(key | found) + "\n")


def steps(settings: Settings) -> dict[str, int]:
    """Training steps of each stage."""
    found = settings.training.steps
    if not isinstance(found, dict):
        raise SystemExit("training.steps: a number of steps for each stage is needed")
    return found


def painted_right(work: WorkDir, test: Sequence[CaptionedImage]) -> dict[str, float]:
    """The share of right answers by what captions ask, of the newest generator in `work`."""
    exported = work.pipeline_root.glob("Trainer.generator/model/*/Format-Serving")
    model = serving.load(str(max(exported, key=lambda path: int(path.parent.name))))
    # All captions of a picture take turns.
    turns = [row % len(one.captions) for row, one in enumerate(test)]
    texts = [one.captions[turn] for one, turn in zip(test, turns, strict=True)]
    languages = [one.languages[turn] for one, turn in zip(test, turns, strict=True)]
    pictures = []
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        painted = serving.generate(model, chunk, seeds=list(range(start, start + len(chunk))))
        pictures += [decode(picture.png) for picture in painted]
    found = shares(np.stack(pictures), texts, languages)
    return {name: value for name, (value, _) in found.items()}


def table(results: Iterable[dict]) -> str:
    """Markdown: of each number of steps, the mean over seeds and the lowest and highest."""
    groups = defaultdict(list)
    for line in results:
        groups[line["processor"], line["times"], tuple(line["settings"])].append(line)
    columns = [*FIGURES.values(), *ASKED]
    rows = [
        f"| processor | steps | {' | '.join(columns)} | minutes | pushed | seeds |",
        "|---" * (len(columns) + 5) + "|",
    ]
    for (processor, times, settings), group in sorted(groups.items()):
        figures = [spread([line["figures"].get(name) for line in group]) for name in FIGURES]
        asked = [spread([line["asked"].get(name) for line in group]) for name in ASKED]
        minutes = spread([line["seconds"] / 60 for line in group], 1)
        pushed = sum(len(line["blessed"]) for line in group)
        name = ", ".join([f"x {times:g}", *settings])
        cells = [processor, name, *figures, *asked, minutes, f"{pushed} of {3 * len(group)}"]
        rows.append(f"| {' | '.join(cells)} | {len(group)} |")
    return "\n".join(rows)


def spread(values: Sequence[float | None], digits: int = 3) -> str:
    """`0.81 (0.79 to 0.83)`; nothing where no run has the figure."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    mean, low, high = (f"{x:.{digits}f}" for x in (np.mean(known), min(known), max(known)))
    return mean if len(known) == 1 else f"{mean} ({low} to {high})"


if __name__ == "__main__":
    main()
