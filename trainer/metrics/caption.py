"""Scores of captions against references: BLEU-1..4, ROUGE-L, CIDEr-D; English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from trainer.metrics import bleu, ptb
from trainer.metrics.cider import Frequencies, cider_d
from trainer.metrics.intervals import Estimate, bootstrap, bootstrap_mean
from trainer.metrics.rouge import rouge_l

BLEU = ("bleu1", "bleu2", "bleu3", "bleu4")
# Languages that set no blanks between words.
UNSPACED = ("zh", "ja")
KEYS = (*BLEU, "rouge_l", "cider", "cider_d")

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_CHARACTER = re.compile(rf"[{_HAN}]|[^\W{_HAN}]+")


def by_character(text: str) -> list[str]:
    """Tokens of a Chinese caption: every Han character alone, other words whole, no punctuation."""
    return _CHARACTER.findall(text.casefold())


def tokenizer_of(language: str) -> bool | Callable[[str], Sequence[str]]:
    """How captions of a language are split for `score`, by its primary subtag."""
    return by_character if language in UNSPACED else True


def per_image(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenize: bool | Callable[[str], Sequence[str]] = True,
) -> dict[str, np.ndarray]:
    """Scores each picture's caption by itself; see `score` for the arguments and the keys.

    Returns float64 [N] for each key. CIDEr's document frequencies come from all N pictures.
    """
    statistics = _statistics(candidates, references, tokenize)
    bleus = bleu.from_statistics(statistics[:, :-2])
    rouge, cider = statistics[:, -2], statistics[:, -1]
    return dict(zip(KEYS, (*bleus.T, rouge, cider, cider), strict=True))


def score(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenize: bool | Callable[[str], Sequence[str]] = True,
) -> dict[str, float]:
    """Scores one caption for each picture against its references, over the whole corpus.

    Args:
      candidates: N captions.
      references: one or more captions for each of the N pictures.
      tokenize: True for the Penn-Treebank-like tokenizer (lower case, punctuation dropped), False
        to split at blanks only, or a function such as `by_character`.

    Returns:
      `bleu1`..`bleu4`, `rouge_l`, `cider`, `cider_d`. The last two are equal: what COCO's scorer
      calls CIDEr is CIDEr-D. Document frequencies come from these references, so a single picture
      scores 0 there.

    Raises:
      ValueError: on unequal lengths, no picture at all, or a picture without a reference.
    """
    return _corpus(_statistics(candidates, references, tokenize))


def score_intervals(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenize: bool | Callable[[str], Sequence[str]] = True,
    *,
    seed: int = 0,
) -> dict[str, Estimate]:
    """`score` with bootstrap intervals: pictures are resampled, document frequencies kept."""
    statistics = _statistics(candidates, references, tokenize)
    result = {name: _bleu_interval(statistics[:, :-2], n, seed) for n, name in enumerate(BLEU)}
    result["rouge_l"] = bootstrap_mean(statistics[:, -2], seed=seed)
    result["cider"] = result["cider_d"] = bootstrap_mean(statistics[:, -1], seed=seed)
    return result


def _bleu_interval(statistics: np.ndarray, n: int, seed: int) -> Estimate:
    return bootstrap(statistics, lambda sums: bleu.from_statistics(sums)[..., n], seed=seed)


def _corpus(statistics: np.ndarray) -> dict[str, float]:
    bleus = bleu.from_statistics(statistics[:, :-2].sum(0))
    rouge, cider = statistics[:, -2].mean(), statistics[:, -1].mean()
    return {
        key: float(value) for key, value in zip(KEYS, (*bleus, rouge, cider, cider), strict=True)
    }


def _statistics(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenize: bool | Callable[[str], Sequence[str]],
) -> np.ndarray:
    """[N, 12]: BLEU's ten statistics, ROUGE-L and CIDEr-D of each picture."""
    _check(candidates, references)
    split = tokenize if callable(tokenize) else (ptb.tokenise if tokenize else str.split)
    mine = [split(text) for text in candidates]
    others = [[split(text) for text in texts] for texts in references]
    frequencies = Frequencies(others)
    return np.stack(
        [
            np.array(
                [*bleu.statistics(one, many), rouge_l(one, many), cider_d(one, many, frequencies)]
            )
            for one, many in zip(mine, others, strict=True)
        ]
    )


def _check(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if not candidates or len(candidates) != len(references):
        raise ValueError(
            f"{len(candidates)} captions and {len(references)} sets of references: give one set "
            "for each caption, at least one"
        )
    for index, texts in enumerate(references):
        if isinstance(texts, str) or not texts:
            raise ValueError(f"picture {index}: references must be a non-empty list of captions")
