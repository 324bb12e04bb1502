"""What a config asks of the figures; needs no TFX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from trainer.config import STAGES
from trainer.metrics.result import SLICE
from trainer.settings_loader import from_mapping, require, require_one_of

MODELS = STAGES


@dataclass(frozen=True)
class Threshold:
    """What one figure must reach for its model to be blessed.

    Attributes:
      model: the model that the figure speaks of.
      min: the least allowed value.
      max: the greatest allowed value.
      max_regression: how much worse than the last blessed model the figure may be, in the
        figure's own unit; a change within noise never counts. Of a figure without a better
        direction, such as `prompt_diversity`, a move either way counts.
      max_forgetting: how much worse than the last blessed model the figure may be on the test
        pictures of that model's run, in the figure's own unit; a change within noise never counts.
      max_forgetting_share: the same as a share of the last blessed model's figure.
      beats: a baseline of the figure, or several with `*`, that the model must be better than
        beyond the noise of its own figure; greater than, where no direction is better.
      margin: by how much, in the figure's own unit; negative where it may fall behind.
      least_n: a figure that rests on fewer pictures is not compared, as small slices are.
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
      SettingsError: an unknown key, a wrong value, or a threshold without a limit.
    """
    return {
        name: from_mapping(Threshold, entry, "thresholds", f"{name}.")
        for name, entry in values.items()
    }


def names_figure(pattern: str, name: str) -> bool:
    """Whether `pattern` names the figure `name`.

    `*` and `?` stand for any characters and any one, but not across the `@` that divides a figure
    from its slice: `cider_d*` names whole figures, `cider_d*@*` their slices.
    """
    figure, at, part = name.partition(SLICE)
    wanted, wanted_at, wanted_part = pattern.partition(SLICE)
    return at == wanted_at and fnmatchcase(figure, wanted) and fnmatchcase(part, wanted_part)
