"""Starting from an earlier model: against nothing, with few pictures, on new spans, and with a
second language.

python -m benchmarks.transfer WORK --data DIR               # goes on where it was stopped
python -m benchmarks.transfer WORK --data DIR --only spans  # or scenes, sizes, languages
python -m benchmarks.transfer WORK --data DIR --time        # only times the steps
python -m benchmarks.transfer WORK --table                  # prints what there is, as Markdown

DIR holds the captioned folders `fashion` and `flickr8k`. First a step of each stage is timed, on an
idle machine. Minutes are steps from then on, so that trainings may take as long as they like.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.pictures import make_pictures
from benchmarks.step_cost import seconds_per_step
from data import prepared
from pipeline import settings as settings_file
from pipeline.load_examples import load_splits
from pipeline.settings import Settings
from pipeline.stages import digest, stage_experiment
from trainer.config import STAGES
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.settings import EvaluationSettings

PARTS = ("scenes", "sizes", "spans", "languages")
FIGURES = ("kid_encoder", "attribute_agreement", "cider_d_en", "cider_d_zh_char")
JUDGE_MINUTES = 3.0
# Of the model of the scenes, as in the demo.
SOURCE_MINUTES = 12.0
FEW = 500
SCENES = (500, 5_000, 50_000)
# So wide at 32 pixels that all blocks have the shapes of fashion64.
WIDE = ("generator.width=64", "generator.discriminator_width=64", "generator.widest=2")
ENGLISH = "ingest.files_pattern=captions.jsonl"
CHINESE = "ingest.files_pattern=captions_zh.jsonl"
BOTH = "ingest.files_pattern=captions.jsonl,captions_zh.jsonl"
TUNED = ("generator.adversarial_from=0.2",)
# The test split of the demo's own scenes: what they show is nowhere in a train split.
DRAWN = (("scenes", ""),)


@dataclass(frozen=True)
class Job:
    """One training of several stages.

    Attributes:
      name: of its directory and in the results.
      config, data, sets: as for `tuwen train`.
      minutes: of all stages together.
      start: name of the job whose models it starts from, or "".
      stages: that are trained.
      tests: captioned folders on whose test split it is judged, by name.
      seed: of the training.
    """

    name: str
    config: str
    data: str
    sets: tuple[str, ...]
    minutes: float
    start: str = ""
    stages: tuple[str, ...] = STAGES
    tests: tuple[tuple[str, str], ...] = ()
    seed: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="directory of models and results")
    parser.add_argument("--data", type=Path, help="directory with fashion and flickr8k")
    parser.add_argument("--only", choices=PARTS, help="one part (all)")
    parser.add_argument(
        "--minutes", type=float, nargs="+", default=[5.0, 15.0, 40.0], help="of each training"
    )
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each kind (2)")
    parser.add_argument("--steps", type=int, help="so many of each stage, to try it all out")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--time", action="store_true", help="only time the steps of every stage")
    parser.add_argument("--table", action="store_true", help="only print the table")
    arguments = parser.parse_args()
    bench = Bench(arguments.work, arguments.steps, tuple(arguments.set))
    if not arguments.table:
        if arguments.data is None:
            parser.error("--data is needed to train")
        data = arguments.data.absolute()
        for part in [arguments.only] if arguments.only else PARTS:
            for seed in range(arguments.seeds):
                for job in jobs(part, data, bench.work, arguments.minutes, seed):
                    if arguments.time:
                        bench.time(job)
                    else:
                        bench.do(part, job)
    print(bench.table())


def jobs(part: str, data: Path, work: Path, minutes: Sequence[float], seed: int) -> Iterator[Job]:
    """The trainings of a part, each after the one that it starts from."""
    made = {"scenes": _scenes, "sizes": _sizes, "spans": _spans, "languages": _languages}[part]
    yield from made(data, work, minutes, seed)


def _scenes(data: Path, work: Path, minutes: Sequence[float], seed: int) -> Iterator[Job]:
    """Generated scenes at 32 pixels to products at 64, or products from nothing."""
    yield _source()
    for budget in minutes:
        yield from _products(data, "fashion", (), budget, seed)


def _products(
    data: Path, label: str, sets: tuple[str, ...], minutes: float, seed: int
) -> Iterator[Job]:
    """Products from nothing, and from the model of the scenes."""
    fashion = str(data / "fashion")
    for name, start in (("scratch", ""), ("transfer", _source().name)):
        yield Job(
            f"{label}-{name}-{minutes:g}-{seed}", "fashion64", fashion, sets, minutes, start,
            tests=(("fashion", fashion),), seed=seed,
        )  # fmt: skip


def _source() -> Job:
    """The training on generated scenes that others start from."""
    return Job(f"scenes-8000-{SOURCE_MINUTES:g}-0", "demo", "", WIDE, SOURCE_MINUTES, tests=DRAWN)


def _sizes(data: Path, work: Path, minutes: Sequence[float], seed: int) -> Iterator[Job]:
    """Few, some and many scenes; a few products, with and without the model of the scenes."""
    yield _source()
    few = (f"ingest.max_pictures={FEW}",)
    yield from _products(data, f"fashion-{FEW}", few, float(np.median(minutes)), seed)
    for size in SCENES:
        called, drawn = f"scenes-{size}-{SOURCE_MINUTES:g}-{seed}", work / f"pictures-{size}"
        yield Job(
            called, "demo", str(make_pictures(drawn, size)), WIDE, SOURCE_MINUTES,
            tests=DRAWN, seed=seed,
        )  # fmt: skip


def _spans(data: Path, work: Path, minutes: Sequence[float], seed: int) -> Iterator[Job]:
    """Half of the kinds of products, then the other half, with and without replay."""
    root = divided(data / "fashion", work / "spans")
    pattern, budget = f"{root}/span-{{SPAN}}", float(np.median(minutes))
    tests = tuple((f"span-{n}", f"{root}/span-{n}") for n in (1, 2))
    base = Job(
        f"span1-{budget:g}-{seed}", "fashion64", pattern, ("source.span=1",), budget,
        tests=tests, seed=seed,
    )  # fmt: skip
    yield base
    for name, sets in (
        ("no-replay", ()),
        ("replay-0.2", ("source.window=2", "training.replay=0.2")),
        ("replay-0.5", ("source.window=2", "training.replay=0.5")),
    ):
        called = f"span2-{name}-{budget:g}-{seed}"
        chosen = ("source.span=2", *TUNED, *sets)
        yield Job(called, "fashion64", pattern, chosen, budget, base.name, tests=tests, seed=seed)


def _languages(data: Path, work: Path, minutes: Sequence[float], seed: int) -> Iterator[Job]:
    """English, then English and Chinese; Chinese alone and both from nothing for comparison."""
    flickr, budget = str(data / "flickr8k"), float(np.median(minutes))
    stages, tests = ("encoder", "captioner"), (("flickr8k", flickr),)
    base = f"en-{budget:g}-{seed}"
    for name, sets, start in (
        (base, (ENGLISH,), ""),
        (f"en-to-both-{budget:g}-{seed}", (BOTH,), base),
        (f"zh-{budget:g}-{seed}", (CHINESE,), ""),
        (f"both-{budget:g}-{seed}", (BOTH,), ""),
    ):
        yield Job(name, "flickr8k64", flickr, sets, budget, start, stages, tests, seed)


def divided(source: Path, target: Path) -> Path:
    """Writes the folder's pictures as two spans, every other kind of them; returns `target`."""
    if (target / "done").is_file():
        return target
    lines = (source / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    counts = Counter(json.loads(line)["attributes"]["articleType"] for line in lines)
    span_of = {kind: 1 + place % 2 for place, (kind, _) in enumerate(counts.most_common())}
    rows: dict[int, list[str]] = {1: [], 2: []}
    for line in lines:
        row = json.loads(line)
        span = span_of[row["attributes"]["articleType"]]
        place = target / f"span-{span}" / row["image"]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / row["image"], place)
        rows[span].append(line)
    for span, own in rows.items():
        path = target / f"span-{span}" / "captions.jsonl"
        path.write_text("\n".join(own) + "\n", encoding="utf-8")
    (target / "done").touch()
    return target


class Bench:
    """Trains and judges in `work`, and keeps what was found in `work/transfer.jsonl`."""

    def __init__(self, work: Path, steps: int | None, sets: tuple[str, ...]):
        self.work, self.steps, self.sets = work.absolute(), steps, sets
        self.results, self.costs = work / "transfer.jsonl", work / "seconds_per_step.json"

    def do(self, part: str, job: Job) -> None:
        """Trains and judges a job, unless its result is there."""
        if any(line["job"] == job.name for line in self.lines()):
            return
        settings = self.settings(job)
        steps = self.steps_of(job, settings)
        for stage in job.stages:
            self.train(job, stage, steps[stage])
        figures = {name: self.judge(job, name, data) for name, data in job.tests}
        record = {"part": part, "job": job.name, "steps": steps, "figures": figures}
        with self.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record | asdict(job), ensure_ascii=False) + "\n")

    def time(self, job: Job) -> None:
        """Times a step of each stage of a job."""
        for stage in job.stages:
            self.cost(job, stage)

    def settings(self, job: Job) -> Settings:
        """The settings of a job as `tuwen train` would read them."""
        sets = [*job.sets, *self.sets, f"training.seed={job.seed}"]
        return settings_file.load(job.config, data=job.data or None, assignments=sets)

    def train(self, job: Job, stage: str, steps: int, place: str = "") -> None:
        """Trains a stage in a process of its own."""
        sets = [*job.sets, *self.sets, f"training.seed={job.seed}"]
        if job.start and not place:
            sets.append(f"start_from={self.work / job.start}")
        command = ["-m", "pipeline.cli", "train", job.config, "--stage", stage]
        command += ["--data", job.data] if job.data else []
        command += ["--work", str(self.work / (place or job.name)), "--steps", str(steps)]
        chosen = [part for one in sets for part in ("--set", one)]
        subprocess.run([sys.executable, *command, *chosen], check=True)

    def steps_of(self, job: Job, settings: Settings) -> dict[str, int]:
        """Steps of each stage in the job's minutes."""
        if self.steps:
            return dict.fromkeys(job.stages, self.steps)
        shares = settings.training.shares
        whole = sum(shares[stage] for stage in job.stages)
        return {
            stage: max(1, round(60 * job.minutes * shares[stage] / whole / self.cost(job, stage)))
            for stage in job.stages
        }

    def cost(self, job: Job, stage: str) -> float:
        """Seconds of a step; timed once for all jobs of the same model, whichever span it reads."""
        sets = [one for one in job.sets if one.startswith((f"{stage}.", "ingest.files"))]
        key = digest(stage, job.config, sets, self.sets)
        if key not in self.known():
            place = f"timing-{digest(job.config, job.data, job.sets, self.sets)}"
            encoder = self.work / place / "models" / "encoder"
            if not encoder.is_dir():
                self.train(job, "encoder", 1, place)
            data = prepared.load(str(next((self.work / place).glob("prepared-*"))))
            experiment = stage_experiment(self.settings(job), stage)
            seconds = seconds_per_step(experiment, data, str(encoder), stage)
            print(f"{job.name}, {stage}: {1000 * seconds:.1f} ms a step", flush=True)
            # Another part may have been timed on another core meanwhile.
            self.costs.write_text(json.dumps(self.known() | {key: seconds}, indent=2))
        return self.known()[key]

    def known(self) -> dict[str, float]:
        """Seconds of the steps that were timed, by a digest of what they depend on."""
        return json.loads(self.costs.read_text()) if self.costs.is_file() else {}

    def judge(self, job: Job, name: str, data: str) -> dict[str, float]:
        """Figures of a job's models on the test split of a captioned folder."""
        sets = [*self.sets, *_files(job)]
        settings = settings_file.load(job.config, data=data or None, assignments=sets)
        splits = load_splits(settings, settings.open_source())
        models = {stage: str(self.work / job.name / "models" / stage) for stage in job.stages}
        if "generator" in job.stages:
            models["judge"] = self.judge_of(job, name, data)
        protocol = EvaluationSettings(samples=1000)
        found = evaluate(models, splits["test"], splits["train"], protocol)
        values = {metric.name.partition("_n")[0]: metric.value for metric in found.metrics}
        return {figure: values[figure] for figure in FIGURES if figure in values}

    def judge_of(self, job: Job, name: str, data: str) -> str:
        """An encoder that no generator has seen, trained on the data of the test with its own seed,
        the same for all jobs."""
        place = self.work / f"judge-{name}"
        judge = Job(place.name, job.config, data, (), JUDGE_MINUTES, seed=1000)
        if not (place / "models" / "encoder").is_dir():
            steps = self.steps or round(60 * JUDGE_MINUTES / self.cost(judge, "encoder"))
            self.train(judge, "encoder", steps)
        return str(place / "models" / "encoder")

    def lines(self) -> list[dict]:
        """The results so far."""
        if not self.results.is_file():
            return []
        return [json.loads(line) for line in self.results.read_text(encoding="utf-8").splitlines()]

    def table(self) -> str:
        """Markdown: the mean over seeds and, behind it, the lowest and highest."""
        groups = defaultdict(list)
        for line in self.lines():
            kind = line["job"].rpartition("-")[0]
            for test, figures in line["figures"].items():
                groups[line["part"], kind, test].append(figures)
        rows = [f"| part | training | test pictures | {' | '.join(FIGURES)} | seeds |"]
        rows.append("|---" * (len(FIGURES) + 4) + "|")
        for (part, kind, test), found in groups.items():
            cells = [spread([one[figure] for one in found if figure in one]) for figure in FIGURES]
            rows.append(f"| {part} | {kind} | {test} | {' | '.join(cells)} | {len(found)} |")
        return "\n".join(rows)


def _files(job: Job) -> list[str]:
    """Both languages are judged wherever there are both."""
    return [BOTH] if any("files_pattern" in one for one in job.sets) else []


def spread(values: Sequence[float]) -> str:
    """`0.81 (0.79 to 0.83)`."""
    if not values:
        return ""
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
