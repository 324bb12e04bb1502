"""Pictures and captions in a shared space: cosine agreement, R-precision, recall."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from trainer.metrics.intervals import Estimate, bootstrap_mean, share

# Cosine agreement of pictures and captions: CLIP score, and what swapping captions does.


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


# Retrieval in a shared text-image space: R-precision and recall at 1, both one of `candidates`.
#
# R-precision as in Xu et al., AttnGAN (CVPR 2018, section 4): a picture finds its caption among 99
# mismatched ones. The usual figure draws the mismatches once at random; here the expectation over
# all draws is taken in closed form, which has the same mean and none of the draw's noise.


# Similarities of unit vectors in float32 differ by this much for equal inputs in other batches.
TIE = 1e-6
_BLOCK = 1024


def candidate_count(n: int, candidates: int, groups: Sequence[Hashable] | None = None) -> int:
    """The pool size that n items allow: `candidates`, or fewer if an item has too few mismatches.

    Raises ValueError when some item has no mismatch at all.
    """
    return _pool_size(_codes(n, groups), candidates)


def _pool_size(codes: np.ndarray, candidates: int) -> int:
    n, largest = len(codes), int(np.bincount(codes).max())
    allowed = min(candidates, n - largest + 1)
    if allowed < 2:
        raise ValueError(f"{n} items, {largest} of them alike, leave no mismatched candidate")
    return allowed


def hits(
    queries: np.ndarray,
    gallery: np.ndarray,
    candidates: int = 100,
    groups: Sequence[Hashable] | None = None,
) -> np.ndarray:
    """Probability that query i ranks item i first among it and `candidates - 1` random mismatches.

    Args:
      queries, gallery: float [N, d], row i of one belongs to row i of the other.
      candidates: size of the pool, the match included.
      groups: a label for each row; rows with equal labels are no mismatches of one another.

    Returns:
      float64 [N]. Ties (within 1e-6 of cosine) are broken at random, so that a constant
      embedding scores chance. A similarity that is NaN counts against the match, so that a broken
      embedding scores worst.

    Raises:
      ValueError: on unequal shapes, or when some row has fewer mismatches than asked for.
    """
    queries, gallery = unit(queries), unit(gallery)
    if queries.shape != gallery.shape:
        raise ValueError(f"queries {queries.shape} and gallery {gallery.shape} must be alike")
    n = len(queries)
    codes = _codes(n, groups)
    if _pool_size(codes, candidates) < candidates:
        raise ValueError(f"{n} rows do not hold {candidates - 1} mismatches for each")
    result = np.empty(n)
    for start in range(0, n, _BLOCK):
        rows = slice(start, min(start + _BLOCK, n))
        result[rows] = _block_hits(queries, gallery, codes, rows, candidates)
    return result


def recall_at_1(
    queries: np.ndarray,
    gallery: np.ndarray,
    candidates: int = 100,
    seed: int = 0,
    groups: Sequence[Hashable] | None = None,
) -> Estimate:
    """Recall at 1 of `candidates` with its interval; see `hits`. Chance is 1 / candidates.

    Text to image is `recall_at_1(text, image)`, image to text `recall_at_1(image, text)`.
    """
    return share(hits(queries, gallery, candidates, groups), seed=seed)


def r_precision(
    image_embeddings: np.ndarray,
    text_embeddings: np.ndarray,
    candidates: int = 100,
    seed: int = 0,
    groups: Sequence[Hashable] | None = None,
) -> Estimate:
    """Share of (generated) pictures that find their caption among `candidates` captions.

    Pass the captions as `groups` so that no mismatch says the same. Chance is 1 / candidates.
    """
    return recall_at_1(image_embeddings, text_embeddings, candidates, seed, groups)


def unit(vectors: np.ndarray) -> np.ndarray:
    """float64 [N, d] of length 1; rows of zeros stay."""
    vectors = np.asarray(vectors, np.float64)
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norm > 0, norm, 1.0)


def _codes(n: int, groups: Sequence[Hashable] | None) -> np.ndarray:
    if groups is None:
        return np.arange(n)
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(group, len(seen)) for group in groups])


def _block_hits(
    queries: np.ndarray, gallery: np.ndarray, codes: np.ndarray, rows: slice, candidates: int
) -> np.ndarray:
    similarity = queries[rows] @ gallery.T
    true = np.einsum("nd,nd->n", queries[rows], gallery[rows])[:, None]
    mismatch = codes[rows, None] != codes[None, :]
    # Written so that a comparison with NaN counts as better.
    better = (~(similarity <= true + TIE) & mismatch).sum(1)
    tied = ((np.abs(similarity - true) <= TIE) & mismatch).sum(1)
    eligible = mismatch.sum(1)
    result = np.empty(len(better))
    for count in np.unique(eligible):
        chosen = eligible == count
        table = np.concatenate([[0.0], np.cumsum(_none_drawn(int(count), candidates - 1))])
        first, last = better[chosen], better[chosen] + tied[chosen] + 1
        result[chosen] = (table[last] - table[first]) / (last - first)
    return result


def _none_drawn(pool: int, draws: int) -> np.ndarray:
    """P(none of r marked items among `draws` drawn from `pool` without return), r = 0..pool."""
    marked = np.arange(pool + 1)
    left = pool - marked
    possible = left >= draws
    left = np.where(possible, left, draws)
    log = (
        gammaln(left + 1)
        - gammaln(left - draws + 1)
        - gammaln(pool + 1)
        + gammaln(pool - draws + 1)
    )
    return np.where(possible, np.exp(log), 0.0)
