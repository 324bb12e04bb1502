"""Prepares the facts of a search for its template: a sentence, a chart and a table.

The chart shows parallel coordinates as inline SVG. Axes are horizontal, one below the other, so
that names fit on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from components.run_report.charts import number, ticks
from components.run_report.report_data import TuningFacts
from trainer.trials import Trial, best_of, ranked

ORDER = ("failed", "trial", "own", "best")
LEGEND = {
    "best": "best",
    "own": "the config's own settings",
    "trial": "other trials",
    "failed": "failed",
}


@dataclass(frozen=True)
class Row:
    """One row of the table; `mark` is its CSS class."""

    trial: int
    values: tuple[str, ...]
    figure: float | None
    steps: int | None
    seconds: float | None
    reason: str
    words: str
    mark: str


@dataclass(frozen=True)
class TuningView:
    """The values for `tuning.html`; `legend` has class and description of the kinds of lines."""

    lead: str
    figure: str
    lower_is_better: bool
    chart: Markup
    legend: tuple[tuple[str, str], ...]
    knobs: tuple[str, ...]
    rows: tuple[Row, ...]


def tuning(facts: TuningFacts) -> TuningView:
    """Returns the view of a search with at least one trial."""
    trials = [Trial(**record) for record in facts.trials]
    best = best_of(trials)
    kinds = {trial.trial: _kind(trial, best) for trial in trials}
    drawn = sorted(trials, key=lambda trial: (ORDER.index(kinds[trial.trial]), trial.trial))
    lead = _lead(facts.stage, trials, best)
    axes = [
        _knob_axis(name, knob, [trial.settings[name] for trial in drawn], best)
        for name, knob in facts.space.items()
    ]
    axes.append(_figure_axis(drawn, best))
    chart = parallel_coordinates(axes, [kinds[trial.trial] for trial in drawn], lead)
    used = set(kinds.values())
    return TuningView(
        lead,
        trials[0].objective,
        trials[0].direction == "min",
        chart,
        tuple((kind, words) for kind, words in LEGEND.items() if kind in used),
        tuple(_short(name) for name in facts.space),
        tuple(_row(trial, facts.space, kinds[trial.trial]) for trial in ranked(trials)),
    )


def _kind(trial: Trial, best: Trial | None) -> str:
    if trial.figure is None:
        return "failed"
    if trial == best:
        return "best"
    return "own" if trial.own else "trial"


def _lead(stage: str, trials: Sequence[Trial], best: Trial | None) -> str:
    count = f"{len(trials)} trial{'s' if len(trials) > 1 else ''} for the {stage}"
    if best is None:
        return f"{count}; none of them finished."
    name = best.objective.replace("_", " ")
    found = f"{count}; the best {name} is {number(best.figure or 0.0)}"
    if best.own:
        return f"{found}, of the config's own settings, which were trained with."
    chosen = ", ".join(f"{_short(key)} {text_of(value)}" for key, value in best.settings.items())
    own = next((trial for trial in trials if trial.own and trial.figure is not None), None)
    before = f", where the config's own settings gave {number(own.figure or 0.0)}" if own else ""
    return f"{found}{before}. Trained with {chosen}."


def _knob_axis(
    name: str, knob: Mapping[str, Any], values: Sequence[Any], best: Trial | None
) -> Axis:
    note = f"best {text_of(best.settings[name])}" if best else ""
    if knob["values"]:
        return choice_axis(_short(name), values, knob["values"], note=note)
    log, ends = knob["sampling"] == "log", (knob["min"], knob["max"])
    label = f"{_short(name)} (log)" if log else _short(name)
    return range_axis(label, values, ends, log=log, note=note)


def _figure_axis(trials: Sequence[Trial], best: Trial | None) -> Axis:
    figures = [trial.figure for trial in trials]
    known = [figure for figure in figures if figure is not None] or [0.0]
    arrow = "← better" if trials[0].direction == "min" else "better →"
    note = f"best {number(best.figure or 0.0)}" if best else ""
    name = f"held-out {trials[0].objective.replace('_', ' ')} ({arrow})"
    return range_axis(name, figures, (min(known), max(known)), note=note)


def _row(trial: Trial, space: Mapping[str, Any], kind: str) -> Row:
    words = " ".join(
        word for word, said in (("best", kind == "best"), ("the config's own", trial.own)) if said
    )
    return Row(
        trial.trial,
        tuple(text_of(trial.settings[name]) for name in space),
        trial.figure,
        trial.steps,
        trial.seconds,
        trial.reason,
        words,
        kind,
    )


def _short(name: str) -> str:
    return name.partition(".")[2].replace("_", " ")


WIDTH, SIDE, TOP, ROW, BOTTOM = 360, 20, 30, 62, 22
# Minimum distances between labels, and from the labels of the ends.
APART, FROM_ENDS = 0.13, 0.18

Mark = tuple[float, str]


@dataclass(frozen=True)
class Axis:
    """One axis; places are fractions of its length, 0 at the left.

    Attributes:
      name: of the quantity.
      note: text on the best line, at the right.
      marks: place and text of each label.
      places: where each line crosses it; None for a line that ends before it.
    """

    name: str
    note: str
    marks: tuple[Mark, ...]
    places: tuple[float | None, ...]


def range_axis(
    name: str,
    values: Sequence[float | None],
    ends: tuple[float, float],
    *,
    log: bool = False,
    note: str = "",
) -> Axis:
    """Returns an axis of numbers from `ends[0]` to `ends[1]`, both marked."""
    low, high = ends
    if high <= low:
        pad = 0.5 * abs(low) or 1.0
        low, high = low - pad, high + pad

    def place(value: float) -> float:
        if log:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)

    between = _decades(low, high) if log else ticks(low, high)
    marks: list[Mark] = [(0.0, number(low)), (1.0, number(high))]
    for value in between:
        apart = all(abs(place(value) - at) >= APART for at, _ in marks)
        if apart and FROM_ENDS <= place(value) <= 1 - FROM_ENDS:
            marks.append((place(value), number(value)))
    places = tuple(None if value is None else place(value) for value in values)
    return Axis(name, note, tuple(marks), places)


def choice_axis(name: str, values: Sequence[Any], choices: Sequence[Any], *, note: str) -> Axis:
    """Returns an axis of listed values, evenly spaced."""
    at = {choice: (index + 0.5) / len(choices) for index, choice in enumerate(choices)}
    marks = tuple((place, text_of(choice)) for choice, place in at.items())
    return Axis(name, note, marks, tuple(at[value] for value in values))


def text_of(value: Any) -> str:
    """Formats a setting's value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return number(value) if isinstance(value, int | float) else str(value)


def parallel_coordinates(axes: Sequence[Axis], kinds: Sequence[str], label: str) -> Markup:
    """Returns an SVG chart with a line for each of `kinds`; later lines are drawn on top.

    Args:
      axes: from top to bottom, each with a place for every line.
      kinds: CSS classes of the lines; a line of kind `best` has a dot at each axis.
      label: text description of the chart.
    """
    height = TOP + ROW * (len(axes) - 1) + BOTTOM
    parts = [_rule(index) for index in range(len(axes))]
    parts += [_line(axes, line, kind) for line, kind in enumerate(kinds)]
    parts += [_words(index, axis) for index, axis in enumerate(axes)]
    return Markup(
        '<svg class="chart parallel" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, height, label, Markup("").join(parts))


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten in [low, high]; the powers first, then 5, then 2."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [size * 10.0**power for size in (1, 5, 2) for power in powers]
    return [value for value in found if low <= value <= high]


def _x(place: float) -> float:
    return round(SIDE + place * (WIDTH - 2 * SIDE), 1)


def _y(index: int) -> int:
    return TOP + ROW * index


def _rule(index: int) -> Markup:
    return Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        _x(0), _x(1), _y(index), _y(index)
    )


def _line(axes: Sequence[Axis], line: int, kind: str) -> Markup:
    crossings = [axis.places[line] for axis in axes]
    points = [(_x(place), _y(i)) for i, place in enumerate(crossings) if place is not None]
    corners = " ".join(f"{x},{y}" for x, y in points)
    drawn = Markup('<polyline class="line {}" points="{}"/>').format(kind, corners)
    if len(points) < len(axes):
        place = next(place for place in reversed(crossings) if place is not None)
        drawn += _text("cross", place, points[-1][1] + 4, "middle", "✗")
    if kind == "best":
        for x, y in points:
            drawn += Markup('<circle class="dot best" cx="{}" cy="{}" r="4"/>').format(x, y)
    return drawn


def _words(index: int, axis: Axis) -> Markup:
    y = _y(index)
    words = _text("name", 0.0, y - 11, "start", axis.name)
    if axis.note:
        words += _text("best-value", 1.0, y - 11, "end", axis.note)
    for place, text in axis.marks:
        anchor = "start" if place < 0.02 else "end" if place > 0.98 else "middle"
        words += _text("mark", place, y + 15, anchor, text)
    return words


def _text(kind: str, place: float, y: int, anchor: str, text: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, _x(place), y, anchor, text
    )
