"""The exact check of generated scenes: their captions have a grammar, their pixels an answer."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from data.languages import primary
from data.scenes.check import Sight, judge, see
from data.scenes.language import LANGUAGES, Claim, is_right, parse
from trainer.metrics.recognition import kind_of


class SceneCheck:
    """Judges what is said of the first object: its colour, its shape, its relation or count."""

    def wanted(self, caption: str, language: str, attributes: Sequence[str]) -> tuple[str, ...]:
        """The first object's attributes, as `circle colour:red`; () where no one can parse."""
        claim = _parse(caption, language)
        if claim is None:
            return ()
        first = claim.objects[0]
        return (
            f"{first.shape} colour:{first.colour}",
            f"{first.colour} shape:{first.shape}",
            *claim.places()[:1],
        )

    def said(self, caption: str, language: str, among: Sequence[str]) -> frozenset[str]:
        """Those of the attributes `among` that the caption claims."""
        claim = _parse(caption, language)
        return frozenset() if claim is None else frozenset(claim.attributes()).intersection(among)

    def meaning(self, caption: str, language: str) -> Hashable:
        """What is claimed, in whatever words and language; the caption itself without a claim."""
        return _parse(caption, language) or caption

    def kind(self, attribute: str) -> str:
        """`colour`, `shape`, `relation` (a place is a relation) or `count`."""
        kind = kind_of(attribute)
        return "relation" if kind == "place" else kind

    def see(self, image: np.ndarray) -> Sight:
        """The objects that uint8 [R, R, 3] shows."""
        return see(image)

    def judge(self, sight: Sight, caption: str, language: str) -> dict[str, bool]:
        """Whether the first object's colour, shape and relation are those of the caption."""
        claim = _parse(caption, language)
        return {} if claim is None else judge(sight, claim)

    def is_right(self, caption: str, language: str, attributes: Sequence[str]) -> bool:
        """Whether every claim is true and every object's colour, shape and relation is named."""
        return is_right(_parse(caption, language), attributes)


def _parse(caption: str, language: str) -> Claim | None:
    return parse(caption, language) if primary(language) in LANGUAGES else None
