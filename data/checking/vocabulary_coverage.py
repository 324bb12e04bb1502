"""How much of a data set a trained model covers: the words of captions, and attributes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from data.checking.findings import CheckLimits, Facts, Finding, first_places

_BATCH = 4096
_SHOWN = 20


@dataclass(frozen=True)
class ModelWords:
    """The vocabularies of a model.

    Attributes:
      name: of the model, for messages.
      tokens: its caption vocabulary.
      attributes: those that it recognises.
    """

    name: str
    tokens: frozenset[str]
    attributes: frozenset[str]


@dataclass
class KnownFigures:
    """Tokens by the models' tokeniser, and those that a model's vocabulary lacks.

    Attributes:
      tokens, unknown: number of tokens in the captions by language.
      commonest: unknown tokens, most frequent first.
      lost: number of captions with at most half of their tokens in the vocabulary.
      attributes, unknown_attributes: the distinct ones.
    """

    model: str
    tokens: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    commonest: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    attributes: int = 0
    unknown_attributes: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The out-of-vocabulary fraction of all tokens; 0 without tokens."""
        return sum(self.unknown.values()) / max(1, sum(self.tokens.values()))


def compare(rows: Iterable[Facts], model: ModelWords) -> tuple[KnownFigures, tuple[str, ...]]:
    """Returns the coverage, and the places of pictures with a `lost` caption."""
    rows = list(rows)
    tokens: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    strange: Counter[str] = Counter()
    lost: list[str] = []
    for place, language, found in _tokenised(rows):
        missing = [token for token in found if token not in model.tokens]
        tokens[language] += len(found)
        unknown[language] += len(missing)
        strange.update(missing)
        if 2 * len(missing) >= max(1, len(found)):
            lost.append(place)
    names = {name for row in rows for name in row.attributes}
    figures = KnownFigures(
        model=model.name,
        tokens=dict(tokens),
        unknown=dict(unknown),
        commonest=dict(strange.most_common(_SHOWN)),
        lost=len(lost),
        attributes=len(names),
        unknown_attributes=tuple(sorted(names - model.attributes)),
    )
    return figures, first_places(dict.fromkeys(lost))


def findings(
    figures: KnownFigures, lost: tuple[str, ...], limits: CheckLimits
) -> Iterator[Finding]:
    """Yields findings for a training that starts from this model."""
    if figures.share > limits.max_unknown_share:
        shown = ", ".join(list(figures.commonest)[:8])
        yield Finding(
            "unknown_words",
            False,
            f"{figures.model} does not know {figures.share:.1%} of the words, such as {shown}",
            "Let its vocabulary grow when training goes on from it, or train anew.",
            lost,
        )
    if figures.unknown_attributes:
        yield Finding(
            "unknown_attributes",
            False,
            f"{figures.model} does not know {len(figures.unknown_attributes)} of "
            f"{figures.attributes} attributes, such as {figures.unknown_attributes[0]}",
            "Train the encoder on these data; until then they are not recognised.",
        )


def _tokenised(rows: list[Facts]) -> Iterator[tuple[str, str, list[str]]]:
    """Yields (place, language, tokens) of each caption, by the models' tokeniser."""
    import tensorflow as tf

    from data import text

    captions = [
        (row.place, language, caption)
        for row in rows
        for caption, language in zip(row.captions, row.languages, strict=True)
    ]
    for start in range(0, len(captions), _BATCH):
        chunk = captions[start : start + _BATCH]
        split = text.tokenise(tf.constant([caption for _, _, caption in chunk])).to_list()
        for (place, language, _), tokens in zip(chunk, split, strict=True):
            yield place, language, [token.decode("utf-8") for token in tokens]


def by_language(figures: KnownFigures) -> dict[str, float]:
    """Returns the out-of-vocabulary fraction of each language."""
    shares: dict[str, float] = defaultdict(float)
    for language, count in figures.tokens.items():
        shares[language] = figures.unknown.get(language, 0) / max(1, count)
    return dict(shares)
