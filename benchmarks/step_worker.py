"""A worker (`benchmarks.workers`) that carries out steps of one stage's training.

python -m benchmarks.step_worker DIRECTORY STEP [--set KEY=VALUE ...] [--keras-adam]

DIRECTORY holds prepared data. The captioner and the generator look through an encoder with its
first weights: a step takes as long with others.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple
from unittest import mock

import keras
import tensorflow as tf

from benchmarks.graph_flops import flops
from benchmarks.step_cost import CYCLE, task_of
from benchmarks.workers import serve
from data import prepared
from data.base import processor
from data.base.graphs import graph
from pipeline import settings as settings_file
from pipeline.stages import stage_experiment
from trainer.config import Experiment
from trainer.engine import distribution, optimizers, precision
from trainer.models.build import build_encoder

# Side of the square matrices whose product shows what the processor can do.
SIDE = 2048
# Leaves nothing but the game that every library's users play: no bound, no teacher, no penalty.
PLAIN = (
    "generator.reconstruction_weight=0",
    "generator.adversarial_from=0",
    "generator.contrastive_weight=0",
    "generator.attribute_weight=0",
    "generator.penalty=none",
    "generator.optimizer=adam",
)


class Step(NamedTuple):
    """A kind of step of a training at the demo's settings.

    Attributes:
      stage: whose training it belongs to.
      late: whether it is timed in the game of the generator, which comes after the bound.
      settings: `key=value`, laid over the demo's.
    """

    stage: str
    late: bool = True
    settings: tuple[str, ...] = ()


STEPS = {
    "encoder": Step("encoder"),
    "captioner": Step("captioner"),
    "bound": Step("generator", late=False),
    "whole": Step("generator"),
    "plain": Step("generator", settings=PLAIN),
}
PRODUCT = "product"


class Ledger:
    """Compiles steps as `trainer.engine.distribution.function` does, and counts what they compute.

    Attributes:
      flops: of all steps that ran since it was opened; None while it is closed.
    """

    def __init__(self) -> None:
        self.flops: int | None = None

    def function(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """In place of `trainer.engine.distribution.function`."""
        compiled = graph(step)

        def run(*arguments):
            if self.flops is not None:
                self.flops += flops(compiled.get_concrete_function(*arguments).graph)
            return compiled(*arguments)

        return run


def prepare(directory: str, name: str, assignments: list[str], keras_adam: bool):
    """Returns facts of a cycle of whole steps, compiled, and the cycle itself."""
    step = STEPS["encoder" if name == PRODUCT else name]
    settings = settings_file.load("demo", assignments=[*step.settings, *assignments])
    experiment = stage_experiment(settings, step.stage)
    policy, reason = precision.choose(experiment.training.precision)
    facts: dict[str, Any] = {"policy": policy, "reason": reason, "kernels": processor.kernels()}
    if name == PRODUCT:
        return facts | {"flops": 2 * SIDE**3}, product(policy)
    with ExitStack() as patches:
        ledger = Ledger()
        patches.enter_context(mock.patch.object(distribution, "function", ledger.function))
        if keras_adam:
            patches.enter_context(mock.patch.object(optimizers, "_Adam", keras.optimizers.Adam))
            patches.enter_context(mock.patch.object(optimizers, "_AdamW", keras.optimizers.AdamW))
        task = training(experiment, step.stage, directory, policy)
        cycle = cycle_of(task, progress_of(step, experiment))
        # Steps are compiled when they first run.
        cycle()
        ledger.flops = 0
        cycle()
        facts |= {"flops": ledger.flops, "images": CYCLE * task.batch_size, "steps": CYCLE}
        ledger.flops = None
    facts |= {"weights": task.parameters()}
    if step.stage == "generator":
        facts |= {"sizes": sizes(experiment, task.condition_dim)}
    return facts, cycle


def training(experiment: Experiment, stage: str, directory: str, policy: str):
    """The training of a stage on prepared data."""
    data = prepared.load(directory)
    encoder = None
    if stage != "encoder":
        encoder = build_encoder(experiment, data.tokens.size, len(data.attributes), policy)
    return task_of(stage, experiment, data, policy, encoder)


def progress_of(step: Step, experiment: Experiment) -> float:
    """Where in a training such a step is found: in the middle of its phase."""
    begins = experiment.generator.adversarial_from if step.stage == "generator" else 0.0
    return (1 + begins) / 2 if step.late else begins / 2


def cycle_of(task: Any, progress: float) -> Callable[[], None]:
    """Runs steps 0 to `CYCLE` - 1, the same batches each time."""

    def cycle() -> None:
        for number in range(CYCLE):
            losses = task.train_step(number, progress, task.batch(number))
        # Steps are computed while the next is prepared: wait for the last.
        [value.numpy() for value in losses.values()]

    return cycle


def product(policy: str) -> Callable[[], None]:
    """A product of two square matrices in the policy's compute dtype."""
    dtype = keras.DTypePolicy(policy).compute_dtype
    left, right = (
        tf.cast(tf.random.stateless_normal([SIDE, SIDE], [0, seed]), dtype) for seed in range(2)
    )
    multiply = graph(lambda x, y: tf.matmul(x, y)[0, 0])

    def cycle() -> None:
        multiply(left, right).numpy()

    return cycle


def sizes(experiment: Experiment, condition: int) -> dict[str, Any]:
    """What a twin of the generator's training must know, as plain values."""
    names = ("noise", "width", "discriminator_width", "widest", "batch_size", "clip_norm")
    rates = ("learning_rate", "discriminator_learning_rate", "mismatch_weight", "ema_images")
    chosen = {name: getattr(experiment.generator, name) for name in (*names, *rates)}
    return chosen | {"resolution": experiment.data.resolution, "condition": condition}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("directory", help="prepared data")
    parser.add_argument("step", choices=[*STEPS, PRODUCT])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--keras-adam", action="store_true", help="Adam as Keras updates it")
    given = parser.parse_args()
    serve(lambda: prepare(given.directory, given.step, given.set, given.keras_adam))


if __name__ == "__main__":
    main()
