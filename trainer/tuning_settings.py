"""The search space of hyper-parameters, typed and checked before the search starts."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from trainer.config import STAGES, Experiment
from trainer.settings_loader import (
    SettingsError,
    from_mapping,
    require,
    require_one_of,
    to_mapping,
)

SAMPLINGS = ("linear", "log")


@dataclass(frozen=True)
class Knob:
    """The values that one setting may take: a range or a list.

    Attributes:
      min, max: ends of a range of numbers, inclusive.
      sampling: `linear`, or `log` for a log-uniform distribution.
      values: a list instead of a range: two or more of one type (numbers, text, or true and false).
    """

    min: float | None = None
    max: float | None = None
    sampling: str = "linear"
    values: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        require_one_of("sampling", self.sampling, SAMPLINGS)
        if self.values:
            both = self.min is not None or self.max is not None
            require(not both, "values", list(self.values), "either values, or min and max")
            require(len(self.values) > 1, "values", list(self.values), "two values or more")
            return
        if self.min is None or self.max is None:
            raise SettingsError("give either values, or both min and max")
        require(self.min < self.max, "min", self.min, f"less than max, which is {self.max}")
        log = self.sampling == "log"
        require(not log or self.min > 0, "min", self.min, "more than 0 where sampling is log")

    def tried(self) -> tuple[Any, ...]:
        """Returns the listed values, or both ends of the range."""
        return self.values or (self.min, self.max)

    def holds(self, value: Any) -> bool:
        """Whether a trial can have this value."""
        if self.values:
            return value in self.values
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.min <= value <= self.max  # type: ignore[operator]


@dataclass(frozen=True)
class TuningSettings:
    """A search for settings of one stage, before that stage is trained.

    Attributes:
      stage: whose settings are searched: `encoder`, `captioner` or `generator`.
      space: the knobs, by `stage.setting`.
      trials: maximum number of trainings; the first has the config's values, if they are in the
        space.
      minutes: training time of each trial.
      steps: a fixed number of steps for each trial instead of minutes; only then are trials
        independent of the clock.
      seed: of the sampled values; all trials train with `training.seed`.
    """

    stage: str = "generator"
    space: dict[str, Knob] = field(default_factory=dict)
    trials: int = 12
    minutes: float = 2.0
    steps: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require_one_of("stage", self.stage, STAGES)
        require(self.trials >= 1, "trials", self.trials, "1 or more")
        require(self.minutes > 0, "minutes", self.minutes, "more than 0")
        require(self.steps is None or self.steps > 0, "steps", self.steps, "1 or more, or null")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require(bool(self.space), "space", self.space, "one knob or more")
        for name, knob in self.space.items():
            require_one_of("space", name, knob_names(self.stage))
            _require_kind(name, knob)

    def require_fit(self, experiment: Experiment) -> None:
        """Raises SettingsError unless each value of each knob is valid for its setting."""
        for name, knob in self.space.items():
            for value in knob.tried():
                with_values(experiment, {name: typed(name, value)}, f"tuning.space.{name}")


def knob_names(stage: str) -> list[str]:
    """Returns the settings of `stage` that a search can change: numbers, text and booleans."""
    section = type(getattr(Experiment(), stage))
    return [f"{stage}.{item.name}" for item in fields(section) if _kind(stage, item.name)]


def kind(name: str) -> type:
    """Returns the type of the setting `name` (`stage.setting`): int, float, str or bool."""
    stage, _, key = name.partition(".")
    found = _kind(stage, key)
    if found is None:
        raise KeyError(name)
    return found


def typed(name: str, value: Any) -> Any:
    """Returns `value` in the type of the setting: 1 becomes 1.0 for a float."""
    return kind(name)(value)


def with_values(
    experiment: Experiment, values: Mapping[str, Any], where: str = "hyperparameters"
) -> Experiment:
    """Returns `experiment` with the given values of settings, by `stage.setting`.

    Raises:
      SettingsError: a setting is unknown, or its value is not valid; the message begins with
        `where`.
    """
    mapping = to_mapping(experiment)
    for name, value in values.items():
        section, _, key = name.partition(".")
        require_one_of(where, section, STAGES)
        mapping[section][key] = value
    return from_mapping(Experiment, mapping, where)


def own_values(experiment: Experiment, tuning: TuningSettings) -> dict[str, Any]:
    """Returns the experiment's values of the knobs; empty unless all are in the space."""
    own = {name: getattr(getattr(experiment, tuning.stage), key) for name, key in _keys(tuning)}
    return own if all(tuning.space[name].holds(value) for name, value in own.items()) else {}


def for_trial(
    experiment: Experiment, tuning: TuningSettings, values: Mapping[str, Any]
) -> Experiment:
    """Returns the experiment of one trial, with its values and the budget of a trial."""
    training = replace(
        experiment.training,
        minutes=tuning.minutes,
        shares=dict.fromkeys(STAGES, 1.0),
        steps=tuning.steps,
    )
    return with_values(replace(experiment, training=training), values)


def _keys(tuning: TuningSettings) -> Iterator[tuple[str, str]]:
    return ((name, name.partition(".")[2]) for name in tuning.space)


def _kind(stage: str, key: str) -> type | None:
    hint = typing.get_type_hints(type(getattr(Experiment(), stage))).get(key)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = [item for item in typing.get_args(hint) if item is not type(None)]
    return hint if hint in (int, float, str, bool) else None


def _require_kind(name: str, knob: Knob) -> None:
    """Raises SettingsError for values of another type than the setting's."""
    wanted = kind(name)
    words = {int: "whole numbers", float: "numbers", str: "text", bool: "true and false"}[wanted]
    if not knob.values:
        require(wanted in (int, float), f"space.{name}", "min, max", "values: it is no number")
        whole = wanted is float or all(float(end).is_integer() for end in knob.tried())
        require(whole, f"space.{name}", knob.tried(), "whole numbers")
        return
    numbers = (int, float) if wanted is float else wanted
    right = all(
        isinstance(value, numbers) and (wanted is bool or not isinstance(value, bool))
        for value in knob.values
    )
    require(right, f"space.{name}.values", list(knob.values), words)
