"""From the facts of a search to what its template lays out: a sentence, a picture, a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from components.run_report.charts import number
from components.run_report.parallel import (
    Axis,
    choice_axis,
    parallel_coordinates,
    range_axis,
    text_of,
)
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
    """One trial as the table shows it; `mark` is its class in the style."""

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
    """What `tuning.html` lays out; `legend` has class and words of the kinds of lines."""

    lead: str
    figure: str
    lower_is_better: bool
    chart: Markup
    legend: tuple[tuple[str, str], ...]
    knobs: tuple[str, ...]
    rows: tuple[Row, ...]


def tuning(facts: TuningFacts) -> TuningView:
    """Returns the view of a search that tried something."""
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
