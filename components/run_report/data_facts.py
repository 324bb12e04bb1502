"""From statistics, anomalies, rejects and the gate's decision to the data section."""

from __future__ import annotations

import dataclasses
import json

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.run_report.report_data import DataFacts, GateFacts, SplitFacts
from data.base import files
from data.schema import CAPTION_TEXT, IMAGE_HEIGHT, IMAGE_WIDTH, SPLITS

STATISTICS_FILE = "FeatureStats.pb"
ANOMALIES_FILE = "SchemaDiff.pb"
SUMMARY_FILE = "summary.json"
DECISION_FILE = "decision.json"


def with_rejects(facts: DataFacts, directory: str) -> DataFacts:
    """Adds the counts that ingestion left beside its rejects."""
    summary = json.loads(files.read(files.join(directory, SUMMARY_FILE)).decode("utf-8"))
    splits = facts.splits or tuple(
        SplitFacts(name, count) for name, count in summary["pictures"].items()
    )
    return dataclasses.replace(
        facts,
        source=summary["description"],
        splits=splits,
        captions=summary["captions"],
        rejects=summary["rejects"],
        files=summary.get("files") or {},
        dropped_captions=summary["dropped_captions"],
        mended=summary["mended"],
    )


def with_decision(facts: DataFacts, directory: str) -> DataFacts:
    """Adds what the data gate decided."""
    decision = json.loads(files.read(files.join(directory, DECISION_FILE)).decode("utf-8"))
    found = tuple(f"{item['what']}. {item['remedy']}" for item in decision["findings"])
    passed = decision["verdict"] == "pass"
    outcome = "nothing stops the run" if passed else "the run was stopped"
    number = f"{len(found)} finding{'s' if len(found) != 1 else ''}" if found else "No finding"
    gate = GateFacts(passed, f"{number}; {outcome}.", found)
    return dataclasses.replace(facts, gate=gate)


def with_statistics(facts: DataFacts, directory: str) -> DataFacts:
    """Adds the pictures of each split and their sizes from StatisticsGen's output."""
    splits = []
    for name in SPLITS:
        path = f"{directory}/Split-{name}/{STATISTICS_FILE}"
        if files.is_file(path):
            found = statistics_pb2.DatasetFeatureStatisticsList.FromString(files.read(path))
            splits.append(_split(name, found.datasets[0]))
    return dataclasses.replace(facts, splits=tuple(splits))


def with_anomalies(facts: DataFacts, directory: str) -> DataFacts:
    """Adds ExampleValidator's findings, a sentence each."""
    sentences = []
    for name in SPLITS:
        path = f"{directory}/Split-{name}/{ANOMALIES_FILE}"
        if files.is_file(path):
            found = anomalies_pb2.Anomalies.FromString(files.read(path))
            sentences += [
                f"{feature} in {name}: {info.description or info.short_description}"
                for feature, info in sorted(found.anomaly_info.items())
            ]
    return dataclasses.replace(facts, anomalies=tuple(sentences))


def _split(name: str, found: statistics_pb2.DatasetFeatureStatistics) -> SplitFacts:
    features = {feature.path.step[0]: feature for feature in found.features}
    captions = features.get(CAPTION_TEXT)
    return SplitFacts(
        name=name,
        pictures=found.num_examples,
        captions_per_picture=captions.string_stats.common_stats.avg_num_values
        if captions is not None
        else None,
        height=_range(features.get(IMAGE_HEIGHT)),
        width=_range(features.get(IMAGE_WIDTH)),
    )


def _range(feature: statistics_pb2.FeatureNameStatistics | None) -> tuple[float, ...]:
    if feature is None or not feature.num_stats.common_stats.num_non_missing:
        return ()
    numbers = feature.num_stats
    return (numbers.min, numbers.median, numbers.max)
