"""The interface between the training loop and a stage."""

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
    """One stage: models, optimisers, the training step and validation.

    Attributes:
      stage: `encoder`, `captioner` or `generator`.
      batch_size: examples per step.
      control: supplies the learning rate and the seed of each step.
      held_out: the validation examples.
      world: vocabularies of the model's inputs and outputs: tokens, attributes, languages.
      selection_metric: the held-out metric that selects the best state, or None.
      start: record of the weights transferred from an earlier model, or None.
      replay: record of the examples drawn from older spans, or None.
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
        """Returns the batch of `step` as nested tuples of arrays; a pure function of the step."""

    @abc.abstractmethod
    def train_step(
        self, step: int, progress: float, batch: tuple[Any, ...]
    ) -> dict[str, tf.Tensor]:
        """Updates the weights once and returns scalar losses by name.

        Implementations use `trainer.engine.optimizers` for gradients and updates,
        `trainer.engine.distribution` to compile the step, and `control` for rate and seed.

        Args:
          step: number of the step, from 0.
          progress: fraction of the training that is done, 0 to 1.
          batch: the result of `batch(step)`.

        Returns:
          float32 [] losses by name.
        """

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """Returns models and optimisers by name: the complete state of the next step."""

    @abc.abstractmethod
    def validate(self) -> dict[str, float]:
        """Returns held-out metrics by name."""

    def alarms(self, figures: dict[str, float]) -> list[str]:
        """Returns messages about broken held-out metrics; any message causes a rollback."""
        return []

    def sample_grid(self) -> np.ndarray | None:
        """Returns a grid of current samples, uint8 [H, W, 3], or None."""
        return None

    @abc.abstractmethod
    def parameters(self) -> dict[str, int]:
        """Returns the number of parameters by model."""

    @abc.abstractmethod
    def export(self, directory: str) -> None:
        """Writes the SavedModel."""


def grid_of(images: np.ndarray, columns: int) -> np.ndarray:
    """Tiles pictures into one grid, row by row.

    Args:
      images: uint8 [N, R, R, 3].
      columns: pictures per row; pictures that do not fill a row are dropped.

    Returns:
      uint8 [N // columns * R, columns * R, 3].
    """
    count, side = images.shape[:2]
    rows = count // columns
    tiled = images[: rows * columns].reshape(rows, columns, side, side, 3)
    return tiled.transpose(0, 2, 1, 3, 4).reshape(rows * side, columns * side, 3)


def trimmed(ids: np.ndarray) -> np.ndarray:
    """Cuts the token ids to the longest caption, so that no step computes on padding alone.

    Args:
      ids: int32 [N, C, L], PAD at the end.

    Returns:
      int32 [N, C, l], a view; l is at least 1.
    """
    used = np.flatnonzero((ids != PAD).any(axis=(0, 1)))
    return ids[:, :, : (int(used[-1]) + 1 if len(used) else 1)]
