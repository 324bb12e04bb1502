"""ROUGE-L of captions (Lin, ROUGE: a package for automatic evaluation of summaries, 2004)."""

from __future__ import annotations

from collections.abc import Sequence

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
    shared = [common_subsequence(candidate, reference) for reference in references]
    precision = max(shared) / len(candidate) if candidate else 0.0
    recall = max(
        length / len(reference) if reference else 0.0
        for length, reference in zip(shared, references, strict=True)
    )
    if not precision or not recall:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)
