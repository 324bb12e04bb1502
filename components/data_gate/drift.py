"""Drift against the last blessed run and skew between splits, by the comparators of TFDV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from data import schema as features
from data.checking.findings import CheckLimits, Finding

# Features whose values, and whose numbers, say something of a data set as a whole.
_VALUES = (features.CAPTION_LANGUAGE, features.ATTRIBUTE_NAME)
_NUMBERS = (features.IMAGE_HEIGHT, features.IMAGE_WIDTH, features.IMAGE_CHANNELS)
# The shares of fewer pictures than these differ by chance.
_ENOUGH = 100

Statistics = Any


def with_comparators(schema: schema_pb2.Schema, limits: CheckLimits) -> schema_pb2.Schema:
    """Returns a copy of `schema` with comparators where it has none of its own.

    A threshold in a reviewed schema stands; others are `max_drift` and `max_skew`.
    """
    made = schema_pb2.Schema()
    made.CopyFrom(schema)
    for feature in made.feature:
        for name, threshold in (
            ("drift_comparator", limits.max_drift),
            ("skew_comparator", limits.max_skew),
        ):
            if feature.HasField(name):
                continue
            if feature.name in _VALUES:
                getattr(feature, name).infinity_norm.threshold = threshold
            elif feature.name in _NUMBERS:
                getattr(feature, name).jensen_shannon_divergence.threshold = threshold
    return made


def compare(
    now: Mapping[str, Statistics],
    before: Statistics | None,
    schema: schema_pb2.Schema,
    limits: CheckLimits,
) -> Iterator[Finding]:
    """Yields a finding for each feature that has drifted or is skewed.

    Args:
      now: `DatasetFeatureStatisticsList` by split.
      before: of the train split of the last blessed run, or None.
      schema: of the examples.
      limits: thresholds, where the schema has none.
    """
    made = with_comparators(schema, limits)
    train = now["train"]
    if before is not None and _enough(train, before):
        anomalies = tfdv.validate_statistics(train, made, previous_statistics=before)
        for name, measured in _measured(anomalies, "drift_measurements"):
            yield _finding("drift", name, measured, "of train since the last blessed run", limits)
    for split in ("val", "test"):
        if split in now and _enough(train, now[split]):
            anomalies = tfdv.validate_statistics(train, made, serving_statistics=now[split])
            for name, measured in _measured(anomalies, "skew_measurements"):
                yield _finding("skew", name, measured, f"between train and {split}", limits)


def _enough(*statistics: Statistics) -> bool:
    return all(one.datasets[0].num_examples >= _ENOUGH for one in statistics)


def _measured(anomalies: Any, kind: str) -> Iterator[tuple[str, Any]]:
    for info in anomalies.drift_skew_info:
        for measured in getattr(info, kind):
            if measured.value > measured.threshold:
                yield info.path.step[0], measured


def _finding(check: str, name: str, measured: Any, where: str, limits: CheckLimits) -> Finding:
    distance = type(measured).Type.Name(measured.type).lower().replace("_", " ")
    return Finding(
        check,
        limits.stop_on_drift,
        f"{name} {where}: {distance} {measured.value:.2f}, above {measured.threshold:.2f}",
        "See whether it was meant; then raise the threshold in gate or in the schema.",
    )
