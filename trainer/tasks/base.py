"""What the loop asks of a stage."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from data.prepared import SplitArrays
from data.text import PAD
from trainer.engine.control import Control
from trainer.engine.selection_metric import SelectionMetric
from trainer.transfer.weights import World


class Task(abc.ABC):
    """One stage: its models, its optimisers, one step, and how to look at it.

    Attributes:
      stage: `encoder`, `captioner` or `generator`.
      batch_size: examples that a step sees.
      control: gives the steps their learning rate and seed.
      held_out: the examples that held-out figures are taken on.
      world: what its inputs and outputs stand for.
      selection_metric: the held-out figure that tells which state is best, or None.
      start: the record of the weights that it took over, or None.
      replay: the record of the examples that it draws from older spans, or None.
    """

    stage: str
    batch_size: int
    control: Control
    held_out: SplitArrays
    world: World
    start: dict[str, Any] | None = None
    replay: dict[str, Any] | None = None

    @property
    def selection_metric(self) -> SelectionMetric | None:
        return None

    @abc.abstractmethod
    def batch(self, step: int) -> tuple[Any, ...]:
        """Returns the arrays of `step`, in nested tuples; a pure function of it."""

    @abc.abstractmethod
    def train_step(
        self, step: int, progress: float, batch: tuple[Any, ...]
    ) -> dict[str, tf.Tensor]:
        """Updates the weights once and returns scalar losses by name.

        Each step goes through `optimizers` and `distribution` of `trainer.engine`, and `control`.

        Args:
          step: its number, from 0.
          progress: share of the training that is done, 0 to 1.
          batch: what `batch(step)` returned.
        """

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """Models and optimisers by name: their variables are all that the next step reads."""

    @abc.abstractmethod
    def validate(self) -> dict[str, float]:
        """Returns held-out figures by name."""

    def alarms(self, figures: dict[str, float]) -> list[str]:
        """What is wrong with held-out figures, in words; anything leads back to the last
        checkpoint."""
        return []

    def sample_grid(self) -> np.ndarray | None:
        """Returns a picture uint8 [H, W, 3] of what the stage makes now, or None."""
        return None

    @abc.abstractmethod
    def parameters(self) -> dict[str, int]:
        """Returns the number of trained weights by model."""

    @abc.abstractmethod
    def export(self, directory: str) -> None:
        """Writes the SavedModel."""


def grid_of(images: np.ndarray, columns: int) -> np.ndarray:
    """Tiles uint8 [N, R, R, 3] pictures into one, row by row; N is a multiple of `columns`."""
    count, side = images.shape[:2]
    rows = count // columns
    tiled = images[: rows * columns].reshape(rows, columns, side, side, 3)
    return tiled.transpose(0, 2, 1, 3, 4).reshape(rows * side, columns * side, 3)


def trimmed(ids: np.ndarray) -> np.ndarray:
    """Cuts int32 [N, C, L] to the longest caption in use, so that no step computes on padding."""
    used = np.flatnonzero((ids != PAD).any(axis=(0, 1)))
    return ids[:, :, : (int(used[-1]) + 1 if len(used) else 1)]
