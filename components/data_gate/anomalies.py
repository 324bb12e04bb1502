"""What ExampleValidator found, in words and with a remedy."""

from __future__ import annotations

from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import anomalies_pb2

from data.checking.findings import Finding

_Type = anomalies_pb2.AnomalyInfo.Type

# Features that nothing here reads do no harm.
_HARMLESS = {_Type.SCHEMA_NEW_COLUMN}
_ABSENT = {
    _Type.SCHEMA_MISSING_COLUMN,
    _Type.FEATURE_TYPE_NOT_PRESENT,
    _Type.FEATURE_TYPE_LOW_FRACTION_PRESENT,
    _Type.FEATURE_TYPE_LOW_NUMBER_PRESENT,
    _Type.FEATURE_TYPE_LOW_NUMBER_VALUES,
    _Type.FEATURE_TYPE_NO_VALUES,
}


def judge(split: str, found: anomalies_pb2.Anomalies) -> Iterator[Finding]:
    """Yields a finding for each anomaly of a split; warnings and new columns do not stop a run."""
    for name, info in found.anomaly_info.items():
        yield _finding(f"{name} of {split}", info)
    if found.HasField("dataset_anomaly_info"):
        yield _finding(split, found.dataset_anomaly_info)


def _finding(where: str, info: anomalies_pb2.AnomalyInfo) -> Finding:
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
