"""Line charts as inline SVG: no script, no network, colours from the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 10, 34
POINTS = 120


@dataclass(frozen=True)
class Series:
    """One line: `points` are (x, y) with ascending x and finite y; `kind` is its CSS class."""

    name: str
    points: tuple[tuple[float, float], ...]
    kind: str


@dataclass(frozen=True)
class Bin:
    """Neighbouring points drawn as one: their mean x, and minimum, mean and maximum of y."""

    x: float
    low: float
    mean: float
    high: float


def line_chart(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    alarms: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Returns an SVG chart of `series` over a common x axis.

    Many points are grouped into bins, drawn as a line of means over a band from minimum to maximum.

    Args:
      series: one or more, each with at least one point.
      x_label, y_label: names of the axes, with units.
      alarms: x and text of vertical marks.
    """
    binned = [(one, _bins(one.points)) for one in series]
    scale = Scale.around([item for _, bins in binned for item in bins])
    parts = [axes(scale, x_label, y_label)]
    for one, bins in binned:
        parts += [_band(scale, bins, one.kind), _line(scale, bins, one.kind)]
    parts += [_alarm(scale, x, text) for x, text in alarms]
    words = "; ".join(
        f"{one.name} from {number(bins[0].mean)} to {number(bins[-1].mean)}" for one, bins in binned
    )
    label = escape(f"{y_label} over {x_label}: {words}")
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">{body}</svg>'
    ).format(w=WIDTH, h=HEIGHT, label=label, body=Markup("").join(parts))


def number(value: float) -> str:
    """Formats a number with three significant digits; large ones as 12k or 3.4M."""
    if not math.isfinite(value):
        return "–"
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * size or (unit == "M" and abs(value) >= size):
            return f"{value / size:.3g}{unit}"
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", "−") if "e" not in text else text


@dataclass(frozen=True)
class Scale:
    """Maps values from x0 to x1 and from y0 to y1 to coordinates in the drawing."""

    x0: float
    x1: float
    y0: float
    y1: float

    @classmethod
    def around(cls, bins: Sequence[Bin]) -> Scale:
        low, high = min(item.mean for item in bins), max(item.mean for item in bins)
        pad = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
        y0 = 0.0 if 0 <= low < 0.4 * high else low - pad
        x1 = max(item.x for item in bins)
        return cls(0.0, x1 or 1.0, y0, high + pad)

    def x(self, value: float) -> float:
        share = (value - self.x0) / (self.x1 - self.x0)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        share = min(1.0, max(0.0, (value - self.y0) / (self.y1 - self.y0)))
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Returns round values in [low, high], 1, 2 or 5 times a power of ten apart."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= raw * 0.99)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _bins(points: Sequence[tuple[float, float]]) -> list[Bin]:
    size = math.ceil(len(points) / POINTS)
    bins = []
    for start in range(0, len(points), size):
        xs, ys = zip(*points[start : start + size], strict=True)
        bins.append(Bin(sum(xs) / len(xs), min(ys), sum(ys) / len(ys), max(ys)))
    return bins


def axes(scale: Scale, x_label: str, y_label: str) -> Markup:
    """Returns grid lines, ticks and the names of both axes."""
    parts = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            LEFT, WIDTH - RIGHT, scale.y(tick), scale.y(tick)
        )
        + text_at(LEFT - 5, scale.y(tick) + 3.5, number(tick), "end")
        for tick in ticks(scale.y0, scale.y1)
    ]
    bottom = HEIGHT - BOTTOM
    parts += [
        text_at(scale.x(tick), bottom + 13, number(tick), "middle")
        for tick in ticks(scale.x0, scale.x1)
    ]
    parts.append(
        Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            LEFT, WIDTH - RIGHT, bottom, bottom
        )
    )
    parts.append(text_at((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_label, "middle"))
    middle = (TOP + bottom) / 2
    parts.append(
        Markup('<text transform="translate(9 {}) rotate(-90)" text-anchor="middle">{}</text>')
        .format(middle, y_label)
    )  # fmt: skip
    return Markup("").join(parts)


def text_at(x: float, y: float, text: str, anchor: str) -> Markup:
    """Returns text at a position in the drawing; `anchor` is start, middle or end."""
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _band(scale: Scale, bins: Sequence[Bin], kind: str) -> Markup:
    if all(item.low == item.high for item in bins):
        return Markup("")
    upper = [(item.x, item.high) for item in bins]
    lower = [(item.x, item.low) for item in reversed(bins)]
    corners = " ".join(f"{scale.x(x)},{scale.y(y)}" for x, y in upper + lower)
    return Markup('<polygon class="band {}" points="{}"/>').format(kind, corners)


def _line(scale: Scale, bins: Sequence[Bin], kind: str) -> Markup:
    corners = " ".join(f"{scale.x(item.x)},{scale.y(item.mean)}" for item in bins)
    line = Markup('<polyline class="line {}" points="{}"/>').format(kind, corners)
    if len(bins) > 12:
        return line
    dots = [
        Markup('<circle class="dot {}" cx="{}" cy="{}" r="2.6"/>').format(
            kind, scale.x(item.x), scale.y(item.mean)
        )
        for item in bins
    ]
    return line + Markup("").join(dots)


def _alarm(scale: Scale, x: float, text: str) -> Markup:
    at = scale.x(min(max(x, scale.x0), scale.x1))
    return Markup(
        '<g class="alarm"><title>{}</title><line x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text x="{}" y="{}" text-anchor="middle">⚠</text></g>'
    ).format(text, at, at, TOP, HEIGHT - BOTTOM, at, TOP + 6)
