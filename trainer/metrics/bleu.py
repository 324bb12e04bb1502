"""BLEU of captions (Papineni et al., BLEU: a method for automatic evaluation, ACL 2002)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import reduce
from operator import or_

import numpy as np
from numpy.typing import ArrayLike

ORDER = 4
# The reference scorer of COCO adds these; they show only where nothing matches.
_SMALL, _TINY = 1e-9, 1e-15

Tokens = Sequence[Hashable]


def ngrams(tokens: Tokens, order: int = ORDER) -> list[Counter[tuple[Hashable, ...]]]:
    """Counts of the n-grams of lengths 1..order."""
    return [
        Counter(zip(*(tokens[start:] for start in range(n)), strict=False))
        for n in range(1, order + 1)
    ]


def statistics(candidate: Tokens, references: Sequence[Tokens]) -> np.ndarray:
    """Sufficient statistics [10] of one picture: clipped matches and n-grams of lengths 1..4, then
    the candidate's length and that of the reference closest to it (the shorter of two)."""
    each = [ngrams(reference) for reference in references]
    most = [reduce(or_, counts) for counts in zip(*each, strict=True)]
    matches = [
        sum((mine & counts).values()) for mine, counts in zip(ngrams(candidate), most, strict=True)
    ]
    length = len(candidate)
    closest = min((abs(len(reference) - length), len(reference)) for reference in references)[1]
    guesses = [max(0, length - n) for n in range(ORDER)]
    return np.array([*matches, *guesses, length, closest], np.float64)


def statistics_without_each(candidate: Tokens, references: Sequence[Tokens]) -> np.ndarray:
    """`statistics` of one picture against all of two or more references but one: float64 [R, 10],
    row r leaves reference r out."""
    each, length = [ngrams(reference) for reference in references], len(candidate)
    matches = [
        without_each([[min(n, grams[size][gram]) for gram, n in mine.items()] for grams in each])
        for size, mine in enumerate(ngrams(candidate))
    ]
    rows = np.empty((len(references), 2 * ORDER + 2))
    rows[:, :ORDER] = np.stack([counts.sum(1) for counts in matches], 1)
    rows[:, ORDER : 2 * ORDER] = [max(0, length - n) for n in range(ORDER)]
    rows[:, -2] = length
    lengths = [len(reference) for reference in references]
    for left, _ in enumerate(lengths):
        others = lengths[:left] + lengths[left + 1 :]
        rows[left, -1] = min((abs(other - length), other) for other in others)[1]
    return rows


def without_each(values: ArrayLike) -> np.ndarray:
    """The greatest of all rows but one, of two or more: float64 of the shape [R, ...] of `values`,
    row r leaves row r out."""
    rows = np.asarray(values, np.float64)
    second, first = np.sort(rows, 0)[-2:]
    return np.where(rows == first, second, first)


def from_statistics(sums: np.ndarray) -> np.ndarray:
    """Sums [..., 10] over pictures to BLEU-1..4 [..., 4], brevity penalty included."""
    matches, guesses = sums[..., :ORDER], sums[..., ORDER : 2 * ORDER]
    precision = (matches + _TINY) / (guesses + _SMALL)
    mean = np.exp(np.cumsum(np.log(precision), -1) / np.arange(1, ORDER + 1))
    brevity = (sums[..., 2 * ORDER] + _TINY) / (sums[..., 2 * ORDER + 1] + _SMALL)
    return mean * np.exp(np.minimum(0.0, 1 - 1 / brevity))[..., None]
