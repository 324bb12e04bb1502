"""CIDEr-D of captions (Vedantam et al., CIDEr: consensus-based image description, CVPR 2015).

What the COCO scorer prints as "CIDEr" is this clipped, length-penalised form, so one function
serves both names.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from trainer.metrics.bleu import ORDER, Tokens, ngrams

_SIGMA = 6.0
Gram = tuple[Hashable, ...]
Vector = list[dict[Gram, float]]
Weighted = tuple[Vector, np.ndarray, int]


class Frequencies:
    """In how many pictures' references each n-gram occurs."""

    def __init__(self, references: Sequence[Sequence[Tokens]]):
        pictures: Counter[Gram] = Counter()
        for sentences in references:
            found: set[Gram] = set()
            for sentence in sentences:
                for counts in ngrams(sentence):
                    found.update(counts)
            pictures.update(found)
        self._unseen = math.log(len(references))
        self._idf = {gram: self._unseen - math.log(count) for gram, count in pictures.items()}

    def vector(self, tokens: Tokens) -> Weighted:
        """Returns the tf-idf of each n-gram, its norm [4] by length, and the length."""
        grams = ngrams(tokens)
        weighted = [
            {gram: count * self._idf.get(gram, self._unseen) for gram, count in counts.items()}
            for counts in grams
        ]
        norm = [math.sqrt(sum(value * value for value in part.values())) for part in weighted]
        return weighted, np.array(norm), len(tokens)


def cider_d(candidate: Tokens, references: Sequence[Tokens], frequencies: Frequencies) -> float:
    """Ten times the mean cosine over n-gram lengths 1..4 and references."""
    vectors = [frequencies.vector(reference) for reference in references]
    return consensus(frequencies.vector(candidate), vectors)


def consensus(candidate: Weighted, references: Sequence[Weighted]) -> float:
    """`cider_d` of what `Frequencies.vector` made of a candidate and its references."""
    mine, norm, length = candidate
    total = 0.0
    for other, other_norm, other_length in references:
        dots = [_clipped_dot(first, second) for first, second in zip(mine, other, strict=True)]
        cosine = [
            dot / scale if scale else 0.0
            for dot, scale in zip(dots, norm * other_norm, strict=True)
        ]
        total += sum(cosine) * math.exp(-((length - other_length) ** 2) / (2 * _SIGMA**2))
    return 10.0 * total / (ORDER * len(references))


def _clipped_dot(candidate: dict[Gram, float], reference: dict[Gram, float]) -> float:
    return sum(
        min(value, reference[gram]) * reference[gram]
        for gram, value in candidate.items()
        if gram in reference
    )
