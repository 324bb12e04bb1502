"""Exact checks: they parse captions and decide whether a picture or a caption is right."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import numpy as np

from data.languages import primary
from data.scenes.grammar import LANGUAGES, Claim, is_right, parse
from data.scenes.pixel_check import Sight, judge, see
from trainer.metrics.recognition import kind_of
from trainer.settings_loader import SettingsError

# The exact check of generated scenes, whose captions follow a grammar.


class SceneCheck:
    """Checks the claims about the first object: its colour, its shape, its relation or count."""

    def wanted(self, caption: str, language: str, attributes: Sequence[str]) -> tuple[str, ...]:
        """The first object's attributes, such as `circle colour:red`; () for a caption that does
        not parse."""
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
        """The claim, independent of words and language; the caption itself if it does not parse."""
        return _parse(caption, language) or caption

    def kind(self, attribute: str) -> str:
        """`colour`, `shape`, `relation` (a place is a relation) or `count`."""
        kind = kind_of(attribute)
        return "relation" if kind == "place" else kind

    def see(self, image: np.ndarray) -> Sight:
        """The objects in a picture, uint8 [R, R, 3]."""
        return see(image)

    def judge(self, sight: Sight, caption: str, language: str) -> dict[str, bool]:
        """Whether the first object's colour, shape and relation are those of the caption."""
        claim = _parse(caption, language)
        return {} if claim is None else judge(sight, claim)

    def is_right(self, caption: str, language: str, attributes: Sequence[str]) -> bool:
        """Whether every claim is true, and the colour, shape and relation of every object are
        named."""
        return is_right(_parse(caption, language), attributes)


def _parse(caption: str, language: str) -> Claim | None:
    return parse(caption, language) if primary(language) in LANGUAGES else None


# The interface of exact checks.
#
# If the captions of a data set follow a grammar, they can be checked without a model. `register`
# adds a check under a name for `EvaluationSettings.exact_check`.


class CaptionReader(Protocol):
    """Extracts attributes from captions."""

    def wanted(self, caption: str, language: str, attributes: Sequence[str]) -> tuple[str, ...]:
        """The attributes that a picture of the caption must show.

        Args:
          caption, language: the caption and its BCP-47 tag.
          attributes: those of the captioned picture.
        """

    def said(self, caption: str, language: str, among: Sequence[str]) -> frozenset[str]:
        """Those of the attributes `among` that a caption names."""

    def meaning(self, caption: str, language: str) -> Hashable:
        """A value that is equal for captions with the same meaning."""

    def kind(self, attribute: str) -> str:
        """The kind of an attribute, by which metrics are broken down."""


class ExactCheck(CaptionReader, Protocol):
    """Also checks pictures by their pixels, and captions by the picture's attributes."""

    def see(self, image: np.ndarray) -> Any:
        """Analyses a picture, uint8 [h, w, 3], for `judge`; this is the slow part."""

    def judge(self, sight: Any, caption: str, language: str) -> dict[str, bool]:
        """By kind, whether the caption's claims hold in the picture; {} without claims."""

    def is_right(self, caption: str, language: str, attributes: Sequence[str]) -> bool:
        """Whether all claims are true and everything that must be named is named."""


_CHECKS: dict[str, Callable[[], ExactCheck]] = {"captioned_scenes": SceneCheck}


def register(name: str, factory: Callable[[], ExactCheck]) -> None:
    """Adds a check; raises ValueError if another check has the name."""
    if _CHECKS.setdefault(name, factory) is not factory:
        raise ValueError(f"there is an exact check {name!r} already")


def exact_check(name: str) -> ExactCheck:
    """The check with that name; raises SettingsError, which lists the known names."""
    if name not in _CHECKS:
        raise SettingsError(f"exact_check: there is no {name!r}, only {sorted(_CHECKS)}")
    return _CHECKS[name]()
