"""Whether captions differ from one another and from those of the training pictures.

A caption is a sequence of tokens (`words.py`). Figures that count distinct things fall as captions
become more: compare them at equal N.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence

import numpy as np
from scipy.sparse import csr_matrix

from trainer.metrics.bleu import Tokens
from trainer.metrics.intervals import SIGMAS, Estimate, around, jackknife, resamples

ROUNDS = 200


def distinct(
    captions: Sequence[Tokens], n: int, *, seed: int = 0, rounds: int = ROUNDS
) -> Estimate:
    """Distinct n-grams over all n-grams (Li et al., A diversity-promoting objective function for
    neural conversation models, 2016, section 5); 0 where no caption holds n tokens.

    The interval is the value +- 1.96 bootstrap standard deviations (`rounds` resamples, 0 for
    none), because a resample repeats captions and so has fewer distinct ones.
    """
    grams = [Counter(zip(*(one[start:] for start in range(n)), strict=False)) for one in captions]
    totals = np.array([counts.total() for counts in grams], np.float64)
    return _kinds(grams, lambda seen, drawn: seen / np.maximum(drawn @ totals, 1.0), seed, rounds)


def distinct_captions(
    captions: Sequence[Tokens], *, seed: int = 0, rounds: int = ROUNDS
) -> Estimate:
    """Share of captions that are distinct: 1 / N where all are the same. Interval as `distinct`."""
    whole = [(tuple(caption),) for caption in captions]
    return _kinds(whole, lambda seen, drawn: seen / drawn.sum(-1), seed, rounds)


def vocabulary_used(
    captions: Sequence[Tokens],
    vocabulary: Collection[Hashable],
    *,
    seed: int = 0,
    rounds: int = ROUNDS,
) -> Estimate:
    """Share of the tokens `vocabulary` that some caption says; NaN for no vocabulary.

    The interval is the value +- 1.96 standard deviations over parts of three quarters of the
    captions: a resample has fewer rare words than the captions, and no others.
    """
    known = frozenset(vocabulary)
    if not known:
        return Estimate(float("nan"), float("nan"), float("nan"))
    said = [known.intersection(caption) for caption in captions]

    def used(rows: np.ndarray) -> list[float]:
        return [len(frozenset().union(*(said[row] for row in rows))) / len(known)]

    everyone = np.arange(len(said))
    (value,) = used(everyone)
    (variance,) = jackknife(used, everyone, part=0.75, least=1, seed=seed, rounds=rounds)
    margin = SIGMAS * float(np.sqrt(variance))
    return Estimate(
        value, float(np.maximum(0.0, value - margin)), float(np.minimum(1.0, value + margin))
    )


def novel(captions: Sequence[Tokens], training: Collection[Tokens]) -> np.ndarray:
    """float64 [N]: 1 for captions whose tokens are those of no training caption."""
    known = {tuple(caption) for caption in training}
    return np.array([float(tuple(caption) not in known) for caption in captions])


def repeats(captions: Sequence[Tokens], n: int) -> np.ndarray:
    """float64 [N]: 1 for captions that say some n tokens in a row twice."""
    said = [list(zip(*(one[start:] for start in range(n)), strict=False)) for one in captions]
    return np.array([float(len(set(grams)) < len(grams)) for grams in said])


def lengths(captions: Sequence[Tokens]) -> np.ndarray:
    """float64 [N]: tokens of each caption."""
    return np.array([len(caption) for caption in captions], np.float64)


def _kinds(
    held: Sequence[Collection[Hashable]],
    value: Callable[[np.ndarray, np.ndarray], np.ndarray],
    seed: int,
    rounds: int,
) -> Estimate:
    """A figure of how many kinds of things N captions hold.

    Args:
      held: the things in each caption.
      value: from the number of kinds [...] and how often each caption was drawn [..., N] to the
        figure [...].
      seed, rounds: of the bootstrap.
    """
    place: dict[Hashable, int] = {}
    columns = [[place.setdefault(thing, len(place)) for thing in things] for things in held]
    ends = np.cumsum([0, *map(len, columns)])
    flat = np.array([column for row in columns for column in row], np.int64)
    shape = (len(held), max(len(place), 1))
    holds = csr_matrix((np.ones(len(flat)), flat, ends), shape=shape)
    whole = value(np.array(float(len(place))), np.ones(len(held)))
    drawn = [
        value(((holds.T @ block.T) > 0).sum(0), block)
        for block in (resamples(len(held), rounds, seed) if rounds else ())
    ]
    return around(float(whole), np.concatenate(drawn) if drawn else np.zeros(0), 0.0, 1.0)
