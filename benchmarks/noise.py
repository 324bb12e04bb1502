"""What the noise of a generator says: pictures of scenes from four kinds of noise, by the exact
check.

tuwen train demo --stage encoder --work WORK
python -m benchmarks.noise WORK --steps 1000 --set generator.adversarial_from=1

Trains a generator for so many steps with the encoder in WORK, and paints the test captions from
noise that the posterior infers from the same picture, from another picture, from noise of the
prior, and from zeros. If the first is better than the second, the noise says what the caption
should; if the second is better than the third, some noise of the prior was never seen in training.
For each kind it prints the share of answers that are right, in all and by relation and count.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.step_cost import task_of
from data import prepared
from data.scenes import world
from data.scenes.grammar import parse
from data.scenes.pixel_check import judge, see
from pipeline import settings as settings_file
from pipeline.stages import stage_experiment
from trainer.engine import precision
from trainer.export.bundle import load_encoder
from trainer.models.posterior import draw
from trainer.tasks.gan import GanTask

# Pictures that are painted at most, and steps between two lines of losses.
PICTURES, REPORTED = 1000, 250
KINDS = ("colour", "shape", "relation", "count")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="work directory of `tuwen train`")
    parser.add_argument("--steps", type=int, default=1000, help="of the generator (1000)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args(argv)
    task = trained(given.work, given.steps, given.set)
    for name, pictures in painted(task):
        print(f"{name}: {in_words(shares(pictures, *told(task, len(pictures))))}", flush=True)


def trained(work: Path, steps: int, assignments: list[str]) -> GanTask:
    """The demo's generator after so many steps, on the data and with the encoder in `work`."""
    settings = settings_file.load("demo", assignments=[f"training.steps={steps}", *assignments])
    experiment = stage_experiment(settings, "generator")
    policy, _ = precision.choose(experiment.training.precision)
    encoder = load_encoder(str(work / "models" / "encoder"), policy)
    experiment = replace(experiment, encoder=encoder.experiment.encoder)
    found = sorted(work.glob("prepared-*"))
    if len(found) != 1:
        raise SystemExit(f"{work}: {len(found)} sets of prepared data, and one is needed")
    task = task_of("generator", experiment, prepared.load(str(found[0])), policy, encoder.model)
    for step in range(steps):
        losses = task.train_step(step, step / steps, task.batch(step))
        if (step + 1) % REPORTED == 0 or step + 1 == steps:
            values = ", ".join(f"{name} {float(value):.4f}" for name, value in losses.items())
            print(f"step {step + 1}: {values}", flush=True)
    return task


def told(task: GanTask, count: int) -> tuple[list[str], list[str]]:
    """A caption for each test picture, and its language: all of a picture's take turns."""
    test = task.prepared.arrays("test")
    rows = list(enumerate(_turns(test.captions[:count])))
    return [test.captions[i][k] for i, k in rows], [test.languages[i][k] for i, k in rows]


def _turns(captions: Sequence[Sequence[str]]) -> list[int]:
    """Which of each picture's captions is taken."""
    return [row % len(own) for row, own in enumerate(captions)]


def painted(task: GanTask) -> Iterator[tuple[str, np.ndarray]]:
    """Yields kinds of noise, and uint8 [N, R, R, 3] pictures of the test captions from it."""
    test = task.prepared.arrays("test")
    count = min(PICTURES, len(test))
    turns = _turns(test.captions[:count])
    text = task.frozen.texts(test.ids[np.arange(count), turns]).condition
    grid = task.frozen.images(test.images[:count]).grid
    mean, log_variance = task.posterior((grid, text))
    inferred = draw(mean, log_variance, tf.constant([0, 1])).numpy()
    prior = np.random.default_rng(0).standard_normal(inferred.shape).astype(np.float32)
    yield "inferred from the same picture", task.generate(inferred, text)
    yield "inferred from another picture", task.generate(np.roll(inferred, 1, axis=0), text)
    yield "prior", task.generate(prior, text)
    yield "zeros", task.generate(np.zeros_like(prior), text)


def shares(
    pictures: np.ndarray, captions: Sequence[str], languages: Sequence[str]
) -> dict[str, tuple[float, int]]:
    """By what was asked, the share of right answers and how often it was asked."""
    answers: dict[str, list[bool]] = defaultdict(list)
    for picture, caption, language in zip(pictures, captions, languages, strict=True):
        claim = parse(caption, language)
        if claim is None:
            continue
        sight = see(picture)
        verdict = judge(sight, claim)
        if claim.relation is None:
            # Two objects of two kinds are not two of a kind.
            verdict["count"] = [one.count for one in sight.things] == [claim.count]
            answers[f"count {claim.count}"].append(verdict["count"])
        else:
            answers[claim.relation].append(verdict["relation"])
        for kind, right in verdict.items():
            answers["all"].append(right)
            answers[kind].append(right)
    return {name: (float(np.mean(found)), len(found)) for name, found in answers.items()}


def in_words(found: dict[str, tuple[float, int]]) -> str:
    names = ("all", *KINDS, *world.RELATIONS, *(f"count {n}" for n in (1, 2, 3)))
    return ", ".join(
        f"{name} {found[name][0]:.3f} ({found[name][1]})" for name in names if name in found
    )


if __name__ == "__main__":
    main()
