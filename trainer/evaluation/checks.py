"""Exact checks: readers of captions that also know whether a picture or a caption is right."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import numpy as np

from data.languages import primary
from data.scenes.grammar import LANGUAGES, Claim, is_right, parse
from data.scenes.pixel_check import Sight, judge, see
from trainer.metrics.recognition import kind_of
from trainer.settings_loader import SettingsError

# The exact check of generated scenes: their captions have a grammar, their pixels an answer.


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


# Exact checks: readers of captions that also know whether a picture or a caption is right.
#
# A data set whose captions follow a grammar can be judged without a model. `register` adds a check
# under a name that `EvaluationSettings.exact_check` may then give.


class CaptionReader(Protocol):
    """Reads attributes out of captions."""

    def wanted(self, caption: str, language: str, attributes: Sequence[str]) -> tuple[str, ...]:
        """The attributes that a picture must show; `attributes` are the captioned picture's."""

    def said(self, caption: str, language: str, among: Sequence[str]) -> frozenset[str]:
        """Those of the attributes `among` that a caption names."""

    def meaning(self, caption: str, language: str) -> Hashable:
        """Equal for captions that say the same."""

    def kind(self, attribute: str) -> str:
        """The kind under which figures are broken down."""


class ExactCheck(CaptionReader, Protocol):
    """A reader that judges pictures by their pixels and captions by the picture's attributes."""

    def see(self, image: np.ndarray) -> Any:
        """What uint8 [h, w, 3] shows, in whatever form `judge` takes; the slow part."""

    def judge(self, sight: Any, caption: str, language: str) -> dict[str, bool]:
        """By kind, whether what was seen is what the caption says; {} if it says nothing."""

    def is_right(self, caption: str, language: str, attributes: Sequence[str]) -> bool:
        """Whether all that is said is true and all that has to be named is named."""


_CHECKS: dict[str, Callable[[], ExactCheck]] = {"captioned_scenes": SceneCheck}


def register(name: str, factory: Callable[[], ExactCheck]) -> None:
    """Adds a check; raises ValueError when the name is taken by another."""
    if _CHECKS.setdefault(name, factory) is not factory:
        raise ValueError(f"there is an exact check {name!r} already")


def exact_check(name: str) -> ExactCheck:
    """The check of that name; raises SettingsError that lists the known ones."""
    if name not in _CHECKS:
        raise SettingsError(f"exact_check: there is no {name!r}, only {sorted(_CHECKS)}")
    return _CHECKS[name]()
