"""Metrics in the shared embedding space: CLIP score, text sensitivity, R-precision, recall."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from trainer.metrics.intervals import Estimate, bootstrap_mean, share

# Cosines of pictures and captions: CLIP score and text sensitivity.


def clip_score(images: np.ndarray, texts: np.ndarray, *, seed: int = 0) -> Estimate:
    """Mean of 100 max(cos, 0) (Hessel et al., CLIPScore, 2021, section 3, with weight 100 instead
    of 2.5, as is usual for generated pictures).

    Args:
      images, texts: float [N, d], embeddings of pictures and of their captions.
      seed: of the bootstrap.
    """
    cosines = _cosines(images, texts)
    return bootstrap_mean(100.0 * np.maximum(cosines, 0.0), seed=seed)


@dataclass(frozen=True)
class Sensitivity:
    """How a picture changes if only the caption changes and the noise stays.

    Attributes:
      followed: fraction of pictures closer to their own caption than to the replaced one; ties
        count half.
      change: mean distance between the pictures of both captions, divided by that among real
        pictures.
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
    """Compares pictures of new captions with those of the old captions and the same noise.

    Args:
      swapped: float [N, d], embeddings of the pictures of the new captions.
      given, taken: float [N, d], embeddings of the new and of the old captions.
      before: float [N, d], embeddings of the pictures of the old captions.
      scale: mean distance among real pictures.
      seed: of the bootstrap.
    """
    lead = _cosines(swapped, given) - _cosines(swapped, taken)
    moved = np.linalg.norm(np.asarray(swapped, np.float64) - before, axis=1)
    return Sensitivity(
        followed=share(wins(lead), seed=seed),
        change=bootstrap_mean(moved / scale, seed=seed),
    )


def wins(lead: np.ndarray) -> np.ndarray:
    """float64 as `lead`: 1 where a difference of cosines is positive, 0 where it is negative, 0.5
    for a tie (within 1e-6)."""
    return np.where(np.abs(lead) <= TIE, 0.5, (lead > 0).astype(np.float64))


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = unit(one), unit(other)
    if one.shape != other.shape:
        raise ValueError(f"embeddings {one.shape} and {other.shape} must be alike")
    return np.einsum("nd,nd->n", one, other)


# Retrieval in the shared embedding space: R-precision and recall at 1 of `candidates`.
#
# R-precision as in Xu et al., AttnGAN (CVPR 2018, section 4): a picture retrieves its caption from
# a pool with 99 mismatched ones. Usually the mismatches are drawn once at random. Here the
# expectation over all draws is computed in closed form: the same mean without the sampling noise.


# float32 cosines of equal inputs differ by this much between batches.
TIE = 1e-6
_BLOCK = 1024


def candidate_count(n: int, candidates: int, groups: Sequence[Hashable] | None = None) -> int:
    """The pool size that n items allow.

    Args:
      n: number of items.
      candidates: the desired size.
      groups: as in `hits`.

    Returns:
      `candidates`, or less if some item has fewer mismatches.

    Raises:
      ValueError: some item has no mismatch.
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
      queries, gallery: float [N, d], row i of one matches row i of the other.
      candidates: size of the pool, including the match.
      groups: a label for each row; rows with equal labels are not mismatches of each other.

    Returns:
      float64 [N]. Ties (within a cosine of 1e-6) are broken at random, so a constant embedding
      scores chance. A NaN similarity counts against the match, so a broken embedding scores worst.

    Raises:
      ValueError: shapes differ, or some row has fewer than `candidates - 1` mismatches.
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
    """Recall at 1 in a pool of `candidates`; chance is 1 / candidates.

    Text to image is `recall_at_1(text, image)`, image to text `recall_at_1(image, text)`.

    Args:
      queries, gallery, candidates, groups: as in `hits`.
      seed: of the bootstrap draws.
    """
    return share(hits(queries, gallery, candidates, groups), seed=seed)


def r_precision(
    image_embeddings: np.ndarray,
    text_embeddings: np.ndarray,
    candidates: int = 100,
    seed: int = 0,
    groups: Sequence[Hashable] | None = None,
) -> Estimate:
    """Fraction of (generated) pictures that retrieve their caption from `candidates` captions;
    chance is 1 / candidates (Xu et al., AttnGAN, 2018, section 4).

    Args:
      image_embeddings, text_embeddings: float [N, d], of pictures and of their captions.
      candidates: size of the pool, including the match.
      seed: of the bootstrap draws.
      groups: a label for each row, such as the caption: rows with equal labels are not mismatches
        of each other.
    """
    return recall_at_1(image_embeddings, text_embeddings, candidates, seed, groups)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows [N, d] scaled to length 1, as float64; rows of zeros stay."""
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
    # Negated, so that a comparison with NaN counts as better.
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
    """P(none of r marked items is among `draws` of `pool`, drawn without replacement): float64
    [pool + 1] for r = 0..pool."""
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
