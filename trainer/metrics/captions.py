"""Scores of captions against references, and diversity of captions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix

from trainer.metrics import tokens
from trainer.metrics.intervals import (
    SIGMAS,
    Estimate,
    around,
    bootstrap,
    bootstrap_mean,
    jackknife,
    resamples,
)

# BLEU of captions (Papineni et al., BLEU: a method for automatic evaluation, ACL 2002).


ORDER = 4
# COCO's scorer adds these constants; they matter only if nothing matches.
_SMALL, _TINY = 1e-9, 1e-15

Tokens = Sequence[Hashable]


def ngrams(tokens: Tokens, order: int = ORDER) -> list[Counter[tuple[Hashable, ...]]]:
    """Counts of the n-grams of a caption: one Counter for each length 1..order."""
    return [
        Counter(zip(*(tokens[start:] for start in range(n)), strict=False))
        for n in range(1, order + 1)
    ]


def statistics(candidate: Tokens, references: Sequence[Tokens]) -> np.ndarray:
    """BLEU's sufficient statistics of one picture (Papineni et al. 2002, section 2).

    Args:
      candidate: the tokens of a caption.
      references: the tokens of one or more references.

    Returns:
      float64 [10]: clipped matches of n-grams of lengths 1..4, the candidate's n-grams of these
      lengths, its length, and the length of the reference closest in length (the shorter of two).
    """
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
    """`statistics` with each of R >= 2 references left out in turn: float64 [R, 10], where row r
    leaves out reference r."""
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
    """The maximum over all rows but one, for each of R >= 2 rows: float64 [R, ...] as `values`,
    where row r leaves out row r."""
    rows = np.asarray(values, np.float64)
    second, first = np.sort(rows, 0)[-2:]
    return np.where(rows == first, second, first)


def from_statistics(sums: np.ndarray) -> np.ndarray:
    """BLEU-1..4 with brevity penalty (Papineni et al. 2002, section 2.3).

    Args:
      sums: float [..., 10], `statistics` summed over pictures.

    Returns:
      float64 [..., 4].
    """
    matches, guesses = sums[..., :ORDER], sums[..., ORDER : 2 * ORDER]
    precision = (matches + _TINY) / (guesses + _SMALL)
    mean = np.exp(np.cumsum(np.log(precision), -1) / np.arange(1, ORDER + 1))
    brevity = (sums[..., 2 * ORDER] + _TINY) / (sums[..., 2 * ORDER + 1] + _SMALL)
    return mean * np.exp(np.minimum(0.0, 1 - 1 / brevity))[..., None]


# ROUGE-L of captions (Lin, ROUGE: a package for automatic evaluation of summaries, 2004).


_BETA = 1.2


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence of two token sequences, bit-parallel (Hyyro, 2004):
    one addition of long integers for each token of `one`."""
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
    """ROUGE-L as COCO's scorer computes it: the F-measure (beta 1.2) of the best precision and the
    best recall over the references.

    Args:
      candidate: the tokens of a caption.
      references: the tokens of one or more references.
    """
    precision, recall = _by_reference(candidate, references)
    return _f(precision.max(), recall.max())


def rouge_l_without_each(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Mean of `rouge_l` with each of two or more references left out in turn."""
    kept = map(without_each, _by_reference(candidate, references))
    return float(np.mean([_f(*pair) for pair in zip(*kept, strict=True)]))


def _by_reference(
    candidate: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Precision [R] and recall [R] against each reference."""
    shared = np.array([common_subsequence(candidate, one) for one in references], np.float64)
    lengths = np.array([len(one) for one in references])
    return shared / max(1, len(candidate)), shared / np.maximum(1, lengths)


def _f(precision: float, recall: float) -> float:
    if not precision or not recall:
        return 0.0
    return float((1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision))


# CIDEr-D of captions (Vedantam et al., CIDEr: consensus-based image description, CVPR 2015).
#
# COCO's scorer prints this clipped, length-penalised form as "CIDEr", so both names have the same
# value here.


_SIGMA = 6.0
Gram = tuple[Hashable, ...]
Vector = list[dict[Gram, float]]
Weighted = tuple[Vector, np.ndarray, int]


class Frequencies:
    """Document frequencies: the number of pictures in whose references each n-gram occurs.

    Args:
      references: for each picture, the tokens of one or more references.
    """

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
        """Returns the tf-idf of each n-gram, the norms float64 [4] by n-gram length, and the number
        of tokens."""
        grams = ngrams(tokens)
        weighted = [
            {gram: count * self._idf.get(gram, self._unseen) for gram, count in counts.items()}
            for counts in grams
        ]
        norm = [math.sqrt(sum(value * value for value in part.values())) for part in weighted]
        return weighted, np.array(norm), len(tokens)


def cider_d(candidate: Tokens, references: Sequence[Tokens], frequencies: Frequencies) -> float:
    """CIDEr-D: ten times the mean clipped cosine over n-gram lengths 1..4 and references, with a
    Gaussian length penalty (Vedantam et al. 2015, CIDEr-D).

    Args:
      candidate: the tokens of a caption.
      references: the tokens of one or more references.
      frequencies: document frequencies of the whole set of references.
    """
    vectors = [frequencies.vector(reference) for reference in references]
    return consensus(frequencies.vector(candidate), vectors)


def consensus(candidate: Weighted, references: Sequence[Weighted]) -> float:
    """`cider_d` of a candidate and references that are already `Frequencies.vector`s."""
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


# Scores of captions against references: BLEU-1..4, ROUGE-L, CIDEr-D.


BLEU = ("bleu1", "bleu2", "bleu3", "bleu4")
KEYS = (*BLEU, "rouge_l", "cider", "cider_d")

Tokenize = bool | Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Scores:
    """Statistics of N captions, from which all scores are computed.

    Attributes:
      statistics: float64 [N, 12], BLEU's ten statistics, ROUGE-L and CIDEr-D of each picture.
    """

    statistics: np.ndarray

    def corpus(self) -> dict[str, float]:
        """The scores of the whole corpus, by `KEYS`."""
        bleus = from_statistics(self.statistics[:, :-2].sum(0))
        rouge, cider = self.statistics[:, -2:].mean(0)
        return dict(zip(KEYS, map(float, (*bleus, rouge, cider, cider)), strict=True))

    def per_image(self) -> dict[str, np.ndarray]:
        """float64 [N] for each key: the scores of each picture alone, with the document frequencies
        of the corpus."""
        bleus = from_statistics(self.statistics[:, :-2])
        rouge, cider = self.statistics[:, -2:].T
        return dict(zip(KEYS, (*bleus.T, rouge, cider, cider), strict=True))

    def intervals(self, seed: int = 0) -> dict[str, Estimate]:
        """`corpus` with bootstrap intervals over pictures; document frequencies stay fixed."""
        found = {name: self._bleu(n, seed) for n, name in enumerate(BLEU)}
        found["rouge_l"] = bootstrap_mean(self.statistics[:, -2], seed=seed)
        found["cider"] = found["cider_d"] = bootstrap_mean(self.statistics[:, -1], seed=seed)
        return found

    def _bleu(self, n: int, seed: int) -> Estimate:
        statistics = self.statistics[:, :-2]
        return bootstrap(statistics, lambda sums: from_statistics(sums)[..., n], seed=seed)


def measure(
    candidates: Sequence[str], references: Sequence[Sequence[str]], tokenize: Tokenize = True
) -> Scores:
    """Scores one caption for each picture against its references; see `score`."""
    return _measured(_against_all, candidates, references, tokenize)


def measure_with_one_out(
    candidates: Sequence[str], references: Sequence[Sequence[str]], tokenize: Tokenize = True
) -> Scores:
    """Scores one caption for each picture with each of its references left out in turn, and takes
    the mean.

    BLEU and ROUGE-L take the best reference and so rise with the number of references. With one
    left out, scores are comparable to `measure_people`, where the author's own reference is left
    out. BLEU's counts are averaged over the references left out. A picture's only reference is
    kept. Document frequencies come from all references.

    Args and errors: as for `score`.
    """
    return _measured(_with_one_out, candidates, references, tokenize)


def _measured(
    against: Callable[..., list[float]],
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenize: Tokenize,
) -> Scores:
    """Scores each candidate by `against`, which takes its tokens, those of its picture's references
    and the document frequencies of all references."""
    _check(candidates, references)
    split = _splitter(tokenize)
    others = [[split(text) for text in texts] for texts in references]
    frequencies = Frequencies(others)
    return _scores(
        against(one, many, frequencies)
        for one, many in zip(map(split, candidates), others, strict=True)
    )


def measure_people(references: Sequence[Sequence[str]], tokenize: Tokenize = True) -> Scores:
    """Human scores: each reference of a picture against its other references, averaged over them.
    Compare them to a captioner's `measure_with_one_out`.

    Raises:
      ValueError: no picture at all, or a picture with fewer than two references.
    """
    if not references or min(len(texts) for texts in references) < 2:
        raise ValueError("people are scored where each picture has two references or more")
    split = _splitter(tokenize)
    everyone = [[split(text) for text in texts] for texts in references]
    frequencies = Frequencies(everyone)
    return _scores(
        np.mean(
            [
                _against_all(one, texts[:place] + texts[place + 1 :], frequencies)
                for place, one in enumerate(texts)
            ],
            0,
        )
        for texts in everyone
    )


def _against_all(
    candidate: Sequence[str], references: Sequence[Sequence[str]], frequencies: Frequencies
) -> list[float]:
    """A row of `Scores.statistics`."""
    return [
        *statistics(candidate, references),
        rouge_l(candidate, references),
        cider_d(candidate, references, frequencies),
    ]


def _with_one_out(
    candidate: Sequence[str], references: Sequence[Sequence[str]], frequencies: Frequencies
) -> list[float]:
    if len(references) == 1:
        return _against_all(candidate, references, frequencies)
    return [
        *statistics_without_each(candidate, references).mean(0),
        rouge_l_without_each(candidate, references),
        # A mean over references, so it does not rise with their number.
        cider_d(candidate, references, frequencies),
    ]


def _scores(rows: Iterable[Sequence[float] | np.ndarray]) -> Scores:
    return Scores(np.array([np.asarray(row, np.float64) for row in rows]))


def _splitter(tokenize: Tokenize) -> Callable[[str], Sequence[str]]:
    return tokenize if callable(tokenize) else (tokens.tokenise if tokenize else str.split)


def score(
    candidates: Sequence[str], references: Sequence[Sequence[str]], tokenize: Tokenize = True
) -> dict[str, float]:
    """Scores one caption for each picture against its references, over the whole corpus.

    Args:
      candidates: N captions.
      references: one or more captions for each of the N pictures.
      tokenize: True for the Penn-Treebank-like tokenizer (lower case, punctuation dropped), False
        to split at spaces only, or a function such as `tokens.by_character`.

    Returns:
      `bleu1`..`bleu4`, `rouge_l`, `cider`, `cider_d`. The last two are equal, because COCO's scorer
      prints CIDEr-D as CIDEr. Document frequencies come from these references, so both are 0 for a
      single picture.

    Raises:
      ValueError: lengths differ, there is no picture, or a picture has no reference.
    """
    return measure(candidates, references, tokenize).corpus()


def _check(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if not candidates or len(candidates) != len(references):
        raise ValueError(
            f"{len(candidates)} captions and {len(references)} sets of references: give one set "
            "for each caption, at least one"
        )
    for index, texts in enumerate(references):
        if isinstance(texts, str) or not texts:
            raise ValueError(f"picture {index}: references must be a non-empty list of captions")


# Diversity: whether captions differ from one another and from those of the training pictures.
#
# A caption is a sequence of tokens (`tokens.py`). Metrics that count distinct items fall with the
# number of captions: compare them at equal N.


ROUNDS = 200


def distinct(
    captions: Sequence[Tokens], n: int, *, seed: int = 0, rounds: int = ROUNDS
) -> Estimate:
    """Distinct n-grams over all n-grams (Li et al., A diversity-promoting objective function for
    neural conversation models, 2016, section 5).

    The interval is the value +- 1.96 bootstrap standard deviations, because a resample repeats
    captions and so has fewer distinct n-grams.

    Args:
      captions: the tokens of N captions.
      n: length of the n-grams.
      seed, rounds: of the bootstrap; 0 rounds give NaN ends.

    Returns:
      From 0 to 1; 0 if no caption has n tokens.
    """
    grams = [Counter(zip(*(one[start:] for start in range(n)), strict=False)) for one in captions]
    totals = np.array([counts.total() for counts in grams], np.float64)
    return _kinds(grams, lambda seen, drawn: seen / np.maximum(drawn @ totals, 1.0), seed, rounds)


def distinct_captions(
    captions: Sequence[Tokens], *, seed: int = 0, rounds: int = ROUNDS
) -> Estimate:
    """Distinct captions over all captions: 1 / N if all are the same. Arguments and interval as in
    `distinct`."""
    whole = [(tuple(caption),) for caption in captions]
    return _kinds(whole, lambda seen, drawn: seen / drawn.sum(-1), seed, rounds)


def vocabulary_used(
    captions: Sequence[Tokens],
    vocabulary: Collection[Hashable],
    *,
    seed: int = 0,
    rounds: int = ROUNDS,
) -> Estimate:
    """Fraction of the tokens in `vocabulary` that occur in some caption.

    The interval is the value +- 1.96 standard deviations by a jackknife over subsets of three
    quarters of the captions, because a bootstrap resample only loses rare words.

    Args:
      captions: the tokens of N captions.
      vocabulary: the tokens to look for; without any, the value is NaN.
      seed, rounds: of the subsets.
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
    """float64 [N]: 1 for captions that are no training caption, token by token."""
    known = {tuple(caption) for caption in training}
    return np.array([float(tuple(caption) not in known) for caption in captions])


def repeats(captions: Sequence[Tokens], n: int) -> np.ndarray:
    """float64 [N]: 1 for captions in which some n-gram occurs twice."""
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
    """Bootstraps a metric of the number of distinct items in N captions.

    Args:
      held: the items of each caption.
      value: maps the number of distinct items [...] and how often each caption was drawn [..., N]
        to the metric [...].
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
