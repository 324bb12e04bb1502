"""The held-out metric that selects the best state, stops training early and ranks settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class SelectionMetric(NamedTuple):
    """Name of a held-out metric, and whether higher is better."""

    figure: str
    higher: bool


def selection_metric_of(stage: str, attributes: bool) -> SelectionMetric:
    """Returns the selection metric of `stage`; `attributes` says whether the data has any."""
    if stage == "captioner":
        return SelectionMetric("cider_d", True)
    if stage == "generator":
        return SelectionMetric("kid_encoder", False)
    return SelectionMetric("f1_micro" if attributes else "text_to_image", True)


def figure_of(validation: Mapping[str, float], name: str) -> float:
    """Returns the metric `name`; its key may end in the size of the candidate pool."""
    for key, value in validation.items():
        if key == name or key.startswith(f"{name}_1of"):
            return value
    raise KeyError(f"no held-out figure {name}; there are {', '.join(validation)}")
