"""The held-out figure that decides: which state is best, when to stop, which settings win."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class SelectionMetric(NamedTuple):
    """A held-out figure's name, and whether higher is better."""

    figure: str
    higher: bool


def selection_metric_of(stage: str, attributes: bool) -> SelectionMetric:
    """Returns what decides about `stage`, where the data has `attributes` or has not."""
    if stage == "captioner":
        return SelectionMetric("cider_d", True)
    if stage == "generator":
        return SelectionMetric("kid_encoder", False)
    return SelectionMetric("f1_micro" if attributes else "text_to_image", True)


def figure_of(validation: Mapping[str, float], name: str) -> float:
    """Returns the held-out figure `name`, whose key may tell the size of its pool as well."""
    for key, value in validation.items():
        if key == name or key.startswith(f"{name}_1of"):
            return value
    raise KeyError(f"no held-out figure {name}; there are {', '.join(validation)}")
