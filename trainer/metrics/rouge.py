"""ROUGE-L of captions (Lin, ROUGE: a package for automatic evaluation of summaries, 2004)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.metrics.bleu import without_each

_BETA = 1.2


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, bit-parallel (Hyyro, 2004): one addition of long
    integers for each token."""
    places: dict[str, int] = {}
    for index, token in enumerate(other):
        places[token] = places.get(token, 0) | 1 << index
    full = (1 << len(other)) - 1
    row = full
    for token in one:
        match = row & places.get(token, 0)
        row = (row + match | row - match) & full
    return len(other) - row.bit_count()


def rouge_l(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """F-measure (beta 1.2) of the best precision and the best recall over the references."""
    precision, recall = _by_reference(candidate, references)
    return _f(precision.max(), recall.max())


def rouge_l_without_each(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Mean `rouge_l` against all of two or more references but one, over which is left out."""
    kept = map(without_each, _by_reference(candidate, references))
    return float(np.mean([_f(*pair) for pair in zip(*kept, strict=True)]))


def _by_reference(
    candidate: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Precision [R] and recall [R] by each reference."""
    shared = np.array([common_subsequence(candidate, one) for one in references], np.float64)
    lengths = np.array([len(one) for one in references])
    return shared / max(1, len(candidate)), shared / np.maximum(1, lengths)


def _f(precision: float, recall: float) -> float:
    if not precision or not recall:
        return 0.0
    return float((1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision))
