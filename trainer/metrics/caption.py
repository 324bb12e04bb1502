"""Scores of captions against references: BLEU-1..4, ROUGE-L, CIDEr-D."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.metrics import bleu, ptb
from trainer.metrics.cider import Frequencies, cider_d
from trainer.metrics.intervals import Estimate, bootstrap, bootstrap_mean
from trainer.metrics.rouge import rouge_l, rouge_l_without_each

BLEU = ("bleu1", "bleu2", "bleu3", "bleu4")
KEYS = (*BLEU, "rouge_l", "cider", "cider_d")

Tokenize = bool | Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Scores:
    """What `measure` found; every figure comes from it without another look at the captions.

    Attributes:
      statistics: float64 [N, 12], BLEU's ten statistics, ROUGE-L and CIDEr-D of each picture.
    """

    statistics: np.ndarray

    def corpus(self) -> dict[str, float]:
        """The figures of all pictures together, by `KEYS`."""
        bleus = bleu.from_statistics(self.statistics[:, :-2].sum(0))
        rouge, cider = self.statistics[:, -2:].mean(0)
        return dict(zip(KEYS, map(float, (*bleus, rouge, cider, cider)), strict=True))

    def per_image(self) -> dict[str, np.ndarray]:
        """float64 [N] for each key: every picture by itself, document frequencies from all."""
        bleus = bleu.from_statistics(self.statistics[:, :-2])
        rouge, cider = self.statistics[:, -2:].T
        return dict(zip(KEYS, (*bleus.T, rouge, cider, cider), strict=True))

    def intervals(self, seed: int = 0) -> dict[str, Estimate]:
        """`corpus` with bootstrap intervals: pictures are resampled, document frequencies kept."""
        found = {name: self._bleu(n, seed) for n, name in enumerate(BLEU)}
        found["rouge_l"] = bootstrap_mean(self.statistics[:, -2], seed=seed)
        found["cider"] = found["cider_d"] = bootstrap_mean(self.statistics[:, -1], seed=seed)
        return found

    def _bleu(self, n: int, seed: int) -> Estimate:
        statistics = self.statistics[:, :-2]
        return bootstrap(statistics, lambda sums: bleu.from_statistics(sums)[..., n], seed=seed)


def measure(
    candidates: Sequence[str], references: Sequence[Sequence[str]], tokenize: Tokenize = True
) -> Scores:
    """Scores one caption for each picture against its references; see `score`."""
    return _measured(_against_all, candidates, references, tokenize)


def measure_with_one_out(
    candidates: Sequence[str], references: Sequence[Sequence[str]], tokenize: Tokenize = True
) -> Scores:
    """Scores one caption for each picture against all of its references but one, as a person can
    be scored who wrote that one: the mean over which is left out.

    BLEU and ROUGE-L take the best of the references and rise with their number, so that a figure
    against all of them does not compare with `measure_people`. BLEU's counts are the means of the
    counts. A picture's only reference stays. Document frequencies come from all references.

    Args and errors: as for `score`.
    """
    return _measured(_with_one_out, candidates, references, tokenize)


def _measured(
    against: Callable[..., list[float]],
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenize: Tokenize,
) -> Scores:
    """Scores each candidate by `against`, which takes its words, those of its picture's references
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
    """Scores two or more references of each picture against the others of it, the mean over them:
    what a person reaches where a captioner reaches `measure_with_one_out`.

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
        *bleu.statistics(candidate, references),
        rouge_l(candidate, references),
        cider_d(candidate, references, frequencies),
    ]


def _with_one_out(
    candidate: Sequence[str], references: Sequence[Sequence[str]], frequencies: Frequencies
) -> list[float]:
    if len(references) == 1:
        return _against_all(candidate, references, frequencies)
    return [
        *bleu.statistics_without_each(candidate, references).mean(0),
        rouge_l_without_each(candidate, references),
        # The mean over references does not depend on how many there are.
        cider_d(candidate, references, frequencies),
    ]


def _scores(rows: Iterable[Sequence[float] | np.ndarray]) -> Scores:
    return Scores(np.array([np.asarray(row, np.float64) for row in rows]))


def _splitter(tokenize: Tokenize) -> Callable[[str], Sequence[str]]:
    return tokenize if callable(tokenize) else (ptb.tokenise if tokenize else str.split)


def score(
    candidates: Sequence[str], references: Sequence[Sequence[str]], tokenize: Tokenize = True
) -> dict[str, float]:
    """Scores one caption for each picture against its references, over the whole corpus.

    Args:
      candidates: N captions.
      references: one or more captions for each of the N pictures.
      tokenize: True for the Penn-Treebank-like tokenizer (lower case, punctuation dropped), False
        to split at blanks only, or a function such as `words.by_character`.

    Returns:
      `bleu1`..`bleu4`, `rouge_l`, `cider`, `cider_d`. The last two are equal: what COCO's scorer
      calls CIDEr is CIDEr-D. Document frequencies come from these references, so a single picture
      scores 0 there.

    Raises:
      ValueError: on unequal lengths, no picture at all, or a picture without a reference.
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
