"""Cosine agreement of pictures and captions: CLIP score, and what swapping captions does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.metrics.intervals import Estimate, bootstrap_mean, share
from trainer.metrics.retrieval import TIE, unit


def clip_score(images: np.ndarray, texts: np.ndarray, *, seed: int = 0) -> Estimate:
    """Mean of 100 max(cos, 0) of rows [N, d] (Hessel et al., CLIPScore, 2021, section 3, with
    weight 100 in place of 2.5, as is usual for generated pictures)."""
    cosines = _cosines(images, texts)
    return bootstrap_mean(100.0 * np.maximum(cosines, 0.0), seed=seed)


@dataclass(frozen=True)
class Sensitivity:
    """What another caption does to a picture of the same noise.

    Attributes:
      followed: share of pictures that agree more with the caption they were made of than with the
        one that was taken away; ties count half.
      change: mean distance between the pictures of both captions, over that among real pictures.
    """

    followed: Estimate
    change: Estimate


def text_sensitivity(
    swapped: np.ndarray,
    given: np.ndarray,
    taken: np.ndarray,
    before: np.ndarray,
    scale: float,
    *,
    seed: int = 0,
) -> Sensitivity:
    """Compares pictures with those that another caption and the same noise gave.

    Args:
      swapped: embeddings [N, d] of pictures made of the given captions.
      given, taken: embeddings [N, d] of the captions given, and of those taken away.
      before: embeddings [N, d] of the pictures that the captions taken away gave.
      scale: mean distance among real pictures.
      seed: of resampling.
    """
    lead = _cosines(swapped, given) - _cosines(swapped, taken)
    moved = np.linalg.norm(np.asarray(swapped, np.float64) - before, axis=1)
    return Sensitivity(
        followed=share(wins(lead), seed=seed),
        change=bootstrap_mean(moved / scale, seed=seed),
    )


def wins(lead: np.ndarray) -> np.ndarray:
    """1 where a difference of cosines is positive, 0 where negative, 0.5 where it is a tie."""
    return np.where(np.abs(lead) <= TIE, 0.5, (lead > 0).astype(np.float64))


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = unit(one), unit(other)
    if one.shape != other.shape:
        raise ValueError(f"embeddings {one.shape} and {other.shape} must be alike")
    return np.einsum("nd,nd->n", one, other)
