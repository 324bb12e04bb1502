"""Reads artefacts of data, trainings, search and evaluation into report data; needs no TFX."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.run_report.report_data import (
    Alarm,
    CopyFacts,
    Curve,
    DataFacts,
    GateFacts,
    NearPair,
    SplitFacts,
    StageFacts,
    TuningFacts,
)
from data.base import files
from data.schema import CAPTION_TEXT, IMAGE_HEIGHT, IMAGE_WIDTH, SPLITS
from trainer.trials import TABLE, read_table

SHOWN = 12
AXES = ("step", "images", "seconds")
SHEETS = 4
LOWER_IS_BETTER = re.compile(r"val_(kid|fid|.*loss|.*entropy|discriminator_gap)")
FALL = 0.15
ENOUGH = 5
STATISTICS_FILE = "FeatureStats.pb"
ANOMALIES_FILE = "SchemaDiff.pb"
SUMMARY_FILE = "summary.json"
DECISION_FILE = "decision.json"


def with_rejects(facts: DataFacts, directory: str) -> DataFacts:
    """Adds the counts in ingestion's artefact of rejects."""
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
    """Adds the decision of the data gate."""
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


def stage_facts(stage: str, directory: str) -> StageFacts:
    """Reads `progress.jsonl`, `summary.json` and `samples/` of one training; any may be missing."""
    progress = _text(directory, "progress.jsonl")
    curves = tuple(_curves(read_progress(progress)))
    summary = _text(directory, "summary.json")
    return StageFacts(
        stage=stage,
        summary=json.loads(summary) if summary else {},
        curves=curves,
        alarms=(*alarms(curves), *rollbacks(progress, curves)),
        samples=_sheets(f"{directory}/samples"),
    )


def read_progress(text: str) -> list[dict[str, Any]]:
    """Returns the records of `progress.jsonl` in order of training.

    A training that was resumed from a checkpoint repeats steps: the later record is used. An
    incomplete line of a killed process is left out, and so are alarms.
    """
    records: list[dict[str, Any]] = []
    for record in _lines(text):
        if "alarm" in record:
            continue
        while records and _replaces(record, records[-1]):
            records.pop()
        records.append(record)
    return records


def _lines(text: str) -> Iterable[dict[str, Any]]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def rollbacks(text: str, curves: Iterable[Curve]) -> list[Alarm]:
    """Returns an alarm for each curve where the training rolled back to a checkpoint."""
    names = dict.fromkeys(curve.name.removeprefix("val_") for curve in curves)
    found = [record for record in _lines(text) if "alarm" in record]
    return [Alarm(name, float(one["images"]), one["alarm"]) for one in found for name in names]


def _replaces(record: dict[str, Any], before: dict[str, Any]) -> bool:
    return before["step"] > record["step"] or (
        before["step"] == record["step"] and before.keys() == record.keys()
    )


def alarms(curves: Iterable[Curve]) -> list[Alarm]:
    """Returns alarms for values that are not finite, and for held-out metrics that became worse."""
    found = []
    for curve in curves:
        broken = [x for x, y in zip(curve.x, curve.y, strict=True) if y is None]
        if broken:
            found.append(Alarm(curve.name, broken[0], f"{curve.name} is not finite"))
        elif curve.name.startswith("val_"):
            found += _fall(curve)
    return sorted(found, key=lambda alarm: alarm.x)


def _fall(curve: Curve) -> list[Alarm]:
    """An alarm at the best point, if the last two values are clearly worse."""
    sign = -1.0 if LOWER_IS_BETTER.match(curve.name) else 1.0
    values = [sign * y for y in curve.y if y is not None]
    best = max(range(len(values)), key=values.__getitem__, default=0)
    if len(values) < ENOUGH or len(values) - best < 3:
        return []
    fall = values[best] - max(values[-2:])
    if fall <= FALL * abs(values[best]):
        return []
    name = curve.name.removeprefix("val_").replace("_", " ")
    text = f"held-out {name} was best here and got worse since"
    return [Alarm(curve.name, curve.x[best], text)]


def _curves(records: Sequence[dict[str, Any]]) -> Iterable[Curve]:
    names = dict.fromkeys(key for record in records for key in record if key not in AXES)
    for name in names:
        points = [(record["images"], record[name]) for record in records if name in record]
        yield Curve(
            name,
            tuple(float(x) for x, _ in points),
            tuple(float(y) if y is not None and math.isfinite(y) else None for _, y in points),
        )


def _sheets(directory: str) -> dict[str, str]:
    """Base64 of at most `SHEETS` sample sheets, evenly spaced from the first to the last."""
    paths = files.matching(directory, "step-*.png")
    if len(paths) > SHEETS:
        last = len(paths) - 1
        paths = [paths[round(i * last / (SHEETS - 1))] for i in range(SHEETS)]
    return {_step(path): base64.b64encode(files.read(path)).decode() for path in paths}


def _step(path: str) -> str:
    return path.rpartition("step-")[2].removesuffix(".png").lstrip("0") or "0"


def _text(directory: str, name: str) -> str:
    path = files.join(directory, name)
    return files.read(path).decode("utf-8") if files.is_file(path) else ""


def tuning_facts(directory: str, config: Mapping[str, Any]) -> TuningFacts:
    """Reads the table of all trials; the search space is in the run's configuration."""
    rows = read_table(files.read(files.join(directory, TABLE)).decode("utf-8"))
    tuning = config["tuning"]
    return TuningFacts(tuning["stage"], tuning["space"], tuple(asdict(row) for row in rows))


def copy_facts(directory: str, record: Mapping[str, Any]) -> CopyFacts:
    """Reads the pictures in an evaluation's `audit`.

    Args:
      directory: of the evaluation.
      record: its `audit`: `threshold`, the pairs `generated` and `held_out`, and the quantiles of
        their distances.
    """
    return CopyFacts(
        threshold=record["threshold"],
        generated=_pairs(directory, record["generated"]),
        held_out=_pairs(directory, record["held_out"]),
        generated_distances=tuple(record["generated_distances"]),
        held_out_distances=tuple(record["held_out_distances"]),
    )


def _pairs(directory: str, entries: Sequence[Mapping[str, Any]]) -> tuple[NearPair, ...]:
    return tuple(
        NearPair(
            caption=entry["caption"],
            picture=_base64(directory, entry["png"]),
            training_caption=entry["training_caption"],
            training_picture=_base64(directory, entry["training_png"]),
            ratio=entry["ratio"],
        )
        for entry in entries[:SHOWN]
    )


def _base64(directory: str, name: str) -> str:
    return base64.b64encode(files.read(files.join(directory, name))).decode()
