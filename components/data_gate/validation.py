"""Validation with TFDV: options of the statistics, anomalies, drift and skew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from data import schema as features
from data.checking.findings import CheckLimits, Finding

_Type = anomalies_pb2.AnomalyInfo.Type

# Unused features are harmless.
_HARMLESS = {_Type.SCHEMA_NEW_COLUMN}
_ABSENT = {
    _Type.SCHEMA_MISSING_COLUMN,
    _Type.FEATURE_TYPE_NOT_PRESENT,
    _Type.FEATURE_TYPE_LOW_FRACTION_PRESENT,
    _Type.FEATURE_TYPE_LOW_NUMBER_PRESENT,
    _Type.FEATURE_TYPE_LOW_NUMBER_VALUES,
    _Type.FEATURE_TYPE_NO_VALUES,
}

# Categorical and numeric features that are meaningful for a data set as a whole.
_VALUES = (features.CAPTION_LANGUAGE, features.ATTRIBUTE_NAME)
_NUMBERS = (features.IMAGE_HEIGHT, features.IMAGE_WIDTH, features.IMAGE_CHANNELS)
# With fewer pictures, distributions differ by chance.
_ENOUGH = 100

Statistics = Any


def statistics_options() -> tfdv.StatsOptions:
    """Options for constant memory, independent of the number of pictures.

    By default, TFDV counts every value of a feature, including encoded pictures, and keeps all of
    them in memory. With the schema, it measures only the length of pictures. Other values are
    counted by sketches: exactly up to a thousand distinct values of a feature, with a bounded error
    beyond that (whole captions, names of pictures).
    """
    picture = schema_pb2.Feature(
        name=features.IMAGE_ENCODED,
        type=schema_pb2.BYTES,
        image_domain=schema_pb2.ImageDomain(),
    )
    return tfdv.StatsOptions(
        schema=schema_pb2.Schema(feature=[picture]), use_sketch_based_topk_uniques=True
    )


def anomaly_findings(split: str, found: anomalies_pb2.Anomalies) -> Iterator[Finding]:
    """Yields a finding for each anomaly of a split; warnings and new columns do not stop a run."""
    for name, info in found.anomaly_info.items():
        yield _anomaly_finding(f"{name} of {split}", info)
    if found.HasField("dataset_anomaly_info"):
        yield _anomaly_finding(split, found.dataset_anomaly_info)


def _anomaly_finding(where: str, info: anomalies_pb2.AnomalyInfo) -> Finding:
    kinds = {reason.type for reason in info.reason}
    error = info.severity == anomalies_pb2.AnomalyInfo.ERROR
    harmless = bool(kinds) and kinds <= _HARMLESS
    description = info.description.strip() or info.short_description
    return Finding("anomaly", error and not harmless, f"{where}: {description}", _remedy(kinds))


def _remedy(kinds: set[int]) -> str:
    if kinds & _HARMLESS:
        return "Leave the feature out, or add it to the schema."
    if kinds & _ABSENT:
        return "Give every picture this feature, or leave out the pictures that have none."
    return "Correct the data, or set the option schema to a .pbtxt file that allows it."


def with_comparators(schema: schema_pb2.Schema, limits: CheckLimits) -> schema_pb2.Schema:
    """Returns a copy of `schema` with additional comparators where it has none.

    Thresholds in a reviewed schema are kept; others are `max_drift` and `max_skew`.
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


def drift_findings(
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
      limits: thresholds for features without one in the schema.
    """
    made = with_comparators(schema, limits)
    train = now["train"]
    if before is not None and _enough(train, before):
        anomalies = tfdv.validate_statistics(train, made, previous_statistics=before)
        for name, measured in _measured(anomalies, "drift_measurements"):
            yield _drift_finding(
                "drift", name, measured, "of train since the last blessed run", limits
            )
    for split in ("val", "test"):
        if split in now and _enough(train, now[split]):
            anomalies = tfdv.validate_statistics(train, made, serving_statistics=now[split])
            for name, measured in _measured(anomalies, "skew_measurements"):
                yield _drift_finding("skew", name, measured, f"between train and {split}", limits)


def _enough(*statistics: Statistics) -> bool:
    return all(one.datasets[0].num_examples >= _ENOUGH for one in statistics)


def _measured(anomalies: Any, kind: str) -> Iterator[tuple[str, Any]]:
    for info in anomalies.drift_skew_info:
        for measured in getattr(info, kind):
            if measured.value > measured.threshold:
                yield info.path.step[0], measured


def _drift_finding(
    check: str, name: str, measured: Any, where: str, limits: CheckLimits
) -> Finding:
    distance = type(measured).Type.Name(measured.type).lower().replace("_", " ")
    return Finding(
        check,
        limits.stop_on_drift,
        f"{name} {where}: {distance} {measured.value:.2f}, above {measured.threshold:.2f}",
        "See whether it was meant; then raise the threshold in gate or in the schema.",
    )
