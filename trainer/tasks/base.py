"""What the loop asks of a stage."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from data.text import PAD


class Task(Protocol):
    """One stage: its models, its optimisers, one step, and how to look at it.

    Attributes:
      stage: `encoder`, `captioner` or `generator`.
      batch_size: examples a step sees.

    Optional attributes of a task that can take weights over from an earlier model:
      world: what its inputs and outputs stand for, a `trainer.transfer.axes.World`.
      start: the record of what was taken, or None.

    Optional attributes, without which a training that breaks cannot go back, and none is best:
      control: a `trainer.control.Control`, which gives the steps their rate and seed.
      best_figure: the `trainer.best_figure.BestFigure` figure, or None.
      alarms: a method that takes held-out figures and returns what is wrong with them, in words;
        anything leads back to the last checkpoint.
    """

    stage: str
    batch_size: int

    def batch(self, step: int) -> tuple[Any, ...]:
        """Returns the arrays of `step`, in nested tuples; a pure function of it."""

    def train_step(
        self, step: int, progress: float, batch: tuple[Any, ...]
    ) -> dict[str, tf.Tensor]:
        """Updates the weights once and returns scalar losses by name.

        Each step goes through `trainer.optimizers`, `trainer.distribution` and `control`.
        """

    def state(self) -> dict[str, Any]:
        """Models and optimisers by name: their variables are all that the next step reads."""

    def validate(self) -> dict[str, float]:
        """Returns held-out figures by name."""

    def sample_grid(self) -> np.ndarray | None:
        """Returns a picture uint8 [H, W, 3] of what the stage makes now, or None."""

    def parameters(self) -> dict[str, int]:
        """Returns the number of trained weights by model."""

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
