"""BLEU of captions (Papineni et al., BLEU: a method for automatic evaluation, ACL 2002)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import reduce
from operator import or_

import numpy as np

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


def from_statistics(sums: np.ndarray) -> np.ndarray:
    """Sums [..., 10] over pictures to BLEU-1..4 [..., 4], brevity penalty included."""
    matches, guesses = sums[..., :ORDER], sums[..., ORDER : 2 * ORDER]
    precision = (matches + _TINY) / (guesses + _SMALL)
    mean = np.exp(np.cumsum(np.log(precision), -1) / np.arange(1, ORDER + 1))
    brevity = (sums[..., 2 * ORDER] + _TINY) / (sums[..., 2 * ORDER + 1] + _SMALL)
    return mean * np.exp(np.minimum(0.0, 1 - 1 / brevity))[..., None]
