"""The thresholds of a config, and remedies for failed checks; needs no TFX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from trainer.config import STAGES
from trainer.metrics.result import SLICE
from trainer.settings_loader import from_mapping, require, require_one_of

MODELS = STAGES


@dataclass(frozen=True)
class Threshold:
    """The conditions on one metric for its model to be blessed.

    Attributes:
      model: the model that the metric evaluates.
      min: minimum value.
      max: maximum value.
      max_regression: how much worse than the last blessed model the metric may be, in its own unit;
        a change within noise passes. For a metric without a direction, such as `prompt_diversity`,
        a change in either direction counts.
      max_forgetting: how much worse than the last blessed model the metric may be on the test
        pictures of that model's run, in its own unit; a change within noise passes.
      max_forgetting_share: the same as a fraction of the last blessed model's value.
      beats: a baseline of the metric, or several with `*`, that the model must beat beyond the
        noise of its metric; a metric without a direction must be greater.
      margin: by how much, in the metric's unit; negative if it may be worse.
      least_n: a metric of fewer pictures is not compared, such as that of a small slice.
    """

    model: str
    min: float | None = None
    max: float | None = None
    max_regression: float | None = None
    max_forgetting: float | None = None
    max_forgetting_share: float | None = None
    beats: str | None = None
    margin: float = 0.0
    least_n: int = 0

    def __post_init__(self) -> None:
        require_one_of("model", self.model, MODELS)
        bounds = {
            key: getattr(self, key)
            for key in ("max_regression", "max_forgetting", "max_forgetting_share")
        }
        asked = (self.min, self.max, *bounds.values(), self.beats)
        words = "give min, max, max_regression, max_forgetting, max_forgetting_share or beats"
        require(any(x is not None for x in asked), "min", None, words)
        for key, bound in bounds.items():
            require(bound is None or bound >= 0, key, bound, "0 or more")
        require(self.beats != "", "beats", self.beats, "the name of a baseline")
        needless = self.margin != 0 and self.beats is None
        require(not needless, "margin", self.margin, "it goes with beats")
        require(self.least_n >= 0, "least_n", self.least_n, "0 or more")


def read_thresholds(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Threshold]:
    """Reads `{metric name or pattern: {model, min, max, ...}}`.

    Raises:
      SettingsError: a key is unknown, a value is wrong, or a threshold has no limit.
    """
    return {
        name: from_mapping(Threshold, entry, "thresholds", f"{name}.")
        for name, entry in values.items()
    }


def names_figure(pattern: str, name: str) -> bool:
    """Whether `pattern` matches the metric `name`.

    `*` matches any characters and `?` any one, but neither matches the `@` between a metric and its
    slice: `cider_d*` matches whole metrics, `cider_d*@*` their slices.
    """
    figure, at, part = name.partition(SLICE)
    wanted, wanted_at, wanted_part = pattern.partition(SLICE)
    return at == wanted_at and fnmatchcase(figure, wanted) and fnmatchcase(part, wanted_part)


_ALIKE = (
    "Its pictures are too much alike: look for a collapse in the curves and sample sheets of the "
    "generator; a lower learning rate, more augmentation or an earlier checkpoint may help"
)
_COPIES = (
    "It paints training pictures again: train it for less time, on more pictures, or with more "
    "augmentation"
)
_DEAF = (
    "Its pictures do not show what captions say: train it longer, and the encoder before it, or "
    "with more weight on agreement"
)
_FAR = "Its pictures do not look like real ones: train it longer, or look at its curves"
_SAME = (
    "Its captions say hardly more than one sentence for all pictures: look at its curves, train "
    "it longer, or with a lower learning rate"
)
_WORDS = "Its captions are poor: train it longer, or look at its curves"
_BLIND = "The encoder does not tell pictures or captions apart: train it longer or make it wider"
_UNMEASURED = "Correct the threshold's name, or take it out of the config"
_BROKEN = (
    "Mend what it says or train the model again (--fresh runs every node); the log holds the whole "
    "trace"
)
_ELSE = "Train it longer, look at its pictures and curves, or change the thresholds"

_FORGOTTEN = (
    "It has forgotten what it could: read older spans with the new one (source.window) and give "
    "them a share of every step (training.replay), freeze more of what it starts from (freeze), or "
    "lower the rate of that (kept_rate)"
)

# The first pattern that matches the metric's name decides.
_OF_FIGURE = (
    ("prompt_diversity*", _ALIKE),
    ("duplicate_rate*", _ALIKE),
    ("recall_k*", _ALIKE),
    ("coverage_k*", _ALIKE),
    ("memorisation*", _COPIES),
    ("distinct*", _SAME),
    ("novel*", _SAME),
    ("r_precision*", _DEAF),
    ("*_agreement*", _DEAF),
    ("text_sensitivity*", _DEAF),
    ("kid_*", _FAR),
    ("fid_*", _FAR),
    ("precision_k*", _FAR),
    ("density_k*", _FAR),
    ("inception_score*", _FAR),
    ("bleu*", _WORDS),
    ("rouge*", _WORDS),
    ("cider*", _WORDS),
    ("meteor*", _WORDS),
    ("spice*", _WORDS),
    ("caption_truth*", _WORDS),
    ("retrieval*", _BLIND),
    ("f1_*", _BLIND),
    ("average_precision*", _BLIND),
)

# Remedies that include longer training.
_MORE_TRAINING = frozenset({_DEAF, _FAR, _SAME, _WORDS, _BLIND, _ELSE})

MEASURED, WORKS, BEATS, FORGETTING = "measured", "works", "beats", "max_forgetting"


def remedy(rule: str, figure: str, rival: str = "") -> str:
    """Returns what to do about a failed check, a phrase without a full stop.

    Args:
      rule: of the check.
      figure: the metric's name, or the pattern that matched none.
      rival: the baseline that was not beaten, or "".
    """
    if rule == WORKS:
        return _BROKEN
    if rule == FORGETTING:
        return _FORGOTTEN
    if rule == MEASURED:
        return _UNMEASURED
    if rule == BEATS and rival.startswith("most_frequent"):
        return _SAME
    name = figure.partition(SLICE)[0]
    return next((text for pattern, text in _OF_FIGURE if fnmatchcase(name, pattern)), _ELSE)


def is_more_training(text: str) -> bool:
    """Whether the remedy `text` includes longer training."""
    return text in _MORE_TRAINING


def in_order(remedies: Iterable[str]) -> str:
    """Joins remedies to sentences, without repetitions."""
    return " ".join(f"{text}." for text in dict.fromkeys(remedies) if text)
