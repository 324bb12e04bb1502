"""How far generated and test pictures lie from their nearest training picture."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from components.run_report import charts
from components.run_report.report_data import CopyFacts


def distance_chart(facts: CopyFacts) -> Markup | None:
    """Returns the distances of both sets of pictures as curves, or None without them."""
    series = [
        charts.Series(name, _points(distances), kind)
        for name, distances, kind in (
            ("generated", facts.generated_distances, "training"),
            ("test pictures", facts.held_out_distances, "held-out"),
        )
        if distances
    ]
    if not series:
        return None
    return charts.line_chart(series, "pictures up to this distance, %", "distance, grey levels")


def _points(distances: Sequence[float]) -> tuple[tuple[float, float], ...]:
    last = max(1, len(distances) - 1)
    return tuple((100 * place / last, distance) for place, distance in enumerate(distances))
