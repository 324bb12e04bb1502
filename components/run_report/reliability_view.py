"""The reliability diagram: how often labels hold that are given scores of such a height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from components.run_report import charts

LEAST_RADIUS, MOST_RADIUS = 2.5, 8.0

Bars = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ReliabilityView:
    """The diagram, the expected calibration error, and the pairs that both rest on."""

    chart: Markup
    error: float
    pairs: int


def reliability_view(bars: Bars) -> ReliabilityView | None:
    """Returns the view of bars as `ReportData.reliability` holds them, or None without any pair."""
    filled = [bar for bar in bars if bar["count"]]
    if not filled:
        return None
    pairs = sum(bar["count"] for bar in filled)
    gaps = sum(bar["count"] * abs(bar["score"] - bar["frequency"]) for bar in filled)
    return ReliabilityView(_chart(filled), gaps / pairs, pairs)


def _chart(bars: Bars) -> Markup:
    scale = charts.Scale(0.0, 1.0, 0.0, 1.0)
    most = max(bar["count"] for bar in bars)
    places = [(scale.x(bar["score"]), scale.y(bar["frequency"])) for bar in bars]
    corners = " ".join(f"{x},{y}" for x, y in places)
    parts = [
        charts.axes(scale, "score that the recogniser gives", "share that holds"),
        Markup('<line class="diagonal" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
            scale.x(0), scale.y(0), scale.x(1), scale.y(1)
        ),
        Markup('<polyline class="line held-out" points="{}"/>').format(corners),
    ]
    for bar, (x, y) in zip(bars, places, strict=True):
        radius = LEAST_RADIUS + (MOST_RADIUS - LEAST_RADIUS) * (bar["count"] / most) ** 0.5
        words = f"{bar['count']} pairs: score {bar['score']:.2f}, holds in {bar['frequency']:.0%}"
        parts.append(
            Markup(
                '<circle class="dot held-out" cx="{}" cy="{}" r="{}"><title>{}</title></circle>'
            ).format(x, y, round(radius, 1), words)
        )
    label = f"Reliability diagram with {len(bars)} groups of scores"
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(charts.WIDTH, charts.HEIGHT, label, Markup("").join(parts))
