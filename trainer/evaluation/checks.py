"""Exact checks: readers of captions that also know whether a picture or a caption is right.

A data set whose captions follow a grammar can be judged without a model. `register` adds a check
under a name that `EvaluationSettings.exact_check` may then give.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import numpy as np

from trainer.evaluation.scene_check import SceneCheck
from trainer.settings_loader import SettingsError


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
