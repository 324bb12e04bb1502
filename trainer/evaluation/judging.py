"""What the judge sees in pictures: an encoder of its own, or for want of one the run's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.evaluation.served import ServedEncoder


@dataclass(frozen=True)
class Seen:
    """What an encoder sees in N pictures: unit vectors [N, d] and attribute scores [N, A]."""

    embedding: np.ndarray
    scores: np.ndarray

    def repeated(self, count: int) -> Seen:
        """The only picture `count` times."""
        return Seen(np.repeat(self.embedding, count, 0), np.repeat(self.scores, count, 0))


@dataclass(frozen=True)
class Judged:
    """N prompts and the pictures for them in the eyes of the judge of generated pictures.

    Attributes:
      encoder: the judge.
      words: what it is, for protocols.
      text: float32 [N, d] of the prompts.
      real: the pictures that the prompts were said of.
      fake: the generated ones; None without a generator.
      baselines: by name, N pictures that need no generator: the mean training picture, and of each
        prompt the training picture that the run's encoder finds for it.
    """

    encoder: ServedEncoder
    words: str
    text: np.ndarray
    real: Seen
    fake: Seen | None
    baselines: dict[str, Seen]


MEAN_IMAGE = "mean_image"
NEAREST_BY_TEXT = "nearest_training_by_text"


def look(encoder: ServedEncoder, pictures: Sequence[bytes]) -> Seen:
    """What the encoder sees in PNG or JPEG files."""
    return Seen(encoder.embed_images(pictures), encoder.attributes(pictures))


def words_for(own: bool) -> str:
    """What the judge is, for protocols."""
    if own:
        return "a judge, an encoder other than the run's own"
    return "the run's encoder, which the generator was trained against"
