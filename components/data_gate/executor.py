"""Checks statistics, anomalies, rejects and examples; passes the data or stops the run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from absl import logging
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME as ANOMALIES_FILE
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.artifact_files import keep_after_failure, read_examples
from components.caption_example_gen.executor import SUMMARY_FILE
from components.data_gate.decision import Decision
from components.data_gate.facts import gather
from components.data_gate.validation import anomaly_findings, drift_findings
from data.base import files
from data.checking import profile as profiles
from data.checking.checks import run_all
from data.checking.findings import CheckLimits, Finding, Splits
from data.checking.profile import Profile

EXAMPLES = "examples"
STATISTICS = "statistics"
ANOMALIES = "anomalies"
REJECTS = "rejects"
SCHEMA = "schema"
LAST_STATISTICS = "last_statistics"
LAST_GATE = "last_gate"
GATE = "gate"
LIMITS = "limits"

DECISION_FILE = "decision.json"
PROFILE_FILE = "profile.json"


class Executor(base_executor.BaseExecutor):
    """Executor of DataGate."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `decision.json`.

        Raises:
          DataError: the data must not be used for training. The decision is then in `stopped/` next
            to the output, which TFX deletes.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        limits = CheckLimits.from_mapping(json.loads(exec_properties[LIMITS]))
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES])
        splits = {
            split: gather(read_examples(artifact_utils.get_split_uri([examples], split)))
            for split in artifact_utils.decode_split_names(examples.split_names)
        }
        summary = _summary(artifact_utils.get_single_uri(input_dict[REJECTS]))
        findings = [
            *_anomalies(artifact_utils.get_single_instance(input_dict[ANOMALIES])),
            *_statistics(artifact_utils.get_single_instance(input_dict[STATISTICS]), splits),
            *_rejects(summary),
            *_notes(summary),
            *run_all(splits, limits),
            *_drift(input_dict, limits),
        ]
        profile = Profile.of(splits)
        findings += _changes(input_dict, profile, limits)
        decision = Decision.of(findings, figures(splits, summary))
        uri = artifact_utils.get_single_uri(output_dict[GATE])
        text = json.dumps(profile.to_json(), ensure_ascii=False)
        files.write_whole(f"{uri}/{PROFILE_FILE}", text.encode("utf-8"))
        _announce(decision, uri)


def _announce(decision: Decision, uri: str) -> None:
    for finding in decision.findings:
        log = logging.error if finding.stops else logging.warning
        log("DataGate, %s: %s. %s", finding.check, finding.what, finding.remedy)
    text = decision.to_json()
    files.write_whole(f"{uri}/{DECISION_FILE}", text.encode("utf-8"))
    if not decision.passed:
        decision.raise_if_stopped(keep_after_failure(uri, DECISION_FILE, text))


def _summary(uri: str) -> dict[str, Any]:
    return json.loads(files.read(f"{uri}/{SUMMARY_FILE}").decode("utf-8"))


def _anomalies(artifact: types.Artifact) -> Iterator[Finding]:
    for split in artifact_utils.decode_split_names(artifact.split_names):
        uri = artifact_utils.get_split_uri([artifact], split)
        found = anomalies_pb2.Anomalies.FromString(files.read(f"{uri}/{ANOMALIES_FILE}"))
        yield from anomaly_findings(split, found)


def _statistics(artifact: types.Artifact, splits: Splits) -> Iterator[Finding]:
    """Checks that the validated statistics are those of the examples."""
    for split in artifact_utils.decode_split_names(artifact.split_names):
        described = _statistics_of(artifact, split).datasets
        count = sum(one.num_examples for one in described)
        pictures = len(splits.get(split, ()))
        if count != pictures:
            yield Finding(
                "statistics",
                True,
                f"they describe {count} pictures of {split}, which has {pictures}",
                "Compute the statistics of these examples, in full and not of a sample.",
            )


def _drift(inputs: Mapping[str, list[types.Artifact]], limits: CheckLimits) -> Iterator[Finding]:
    if not inputs.get(SCHEMA):
        return
    schema = io_utils.SchemaReader().read(
        io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(inputs[SCHEMA]))
    )
    (now,) = inputs[STATISTICS]
    # Without earlier data, LastBlessedData writes an artefact without splits.
    before = [
        _statistics_of(last, "train")
        for last in inputs.get(LAST_STATISTICS, ())
        if artifact_utils.decode_split_names(last.split_names)
    ]
    splits = artifact_utils.decode_split_names(now.split_names)
    yield from drift_findings(
        {split: _statistics_of(now, split) for split in splits},
        before[0] if before else None,
        schema,
        limits,
    )


def _statistics_of(artifact: types.Artifact, split: str) -> Any:
    return stats_artifact_utils.load_statistics(artifact, split).proto()


def _changes(
    inputs: Mapping[str, list[types.Artifact]], profile: Profile, limits: CheckLimits
) -> Iterator[Finding]:
    for last in inputs.get(LAST_GATE, ()):
        path = f"{last.uri}/{PROFILE_FILE}"
        # Runs of earlier versions have no profile.
        if files.is_file(path):
            before = Profile.from_json(json.loads(files.read(path).decode("utf-8")))
            yield from profiles.drift(before, profile, limits)


def _rejects(summary: Mapping[str, Any]) -> Iterator[Finding]:
    if summary["rejects"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in summary["rejects"].items())
        yield Finding(
            "rejects",
            False,
            f"{summary['reject_share']:.1%} of the rows were left out: {reasons}",
            "See rejects.jsonl for each row and its remedy.",
        )


def _notes(summary: Mapping[str, Any]) -> Iterator[Finding]:
    """Yields findings of ingestion other than rejects."""
    for check, what, remedy, rows in summary.get("notes", ()):
        yield Finding(check, False, what, remedy, tuple(rows))


def figures(splits: Splits, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the statistics of the data for the report."""
    rows = [row for rows in splits.values() for row in rows]
    return {
        "pictures": {split: len(rows) for split, rows in splits.items()},
        "captions": dict(Counter(tag for row in rows for tag in row.languages)),
        "distinct_captions": len({caption for row in rows for caption in row.folded}),
        "attributes": len({name for row in rows for name in row.attributes}),
        "rejects": summary["rejects"],
        "reject_share": summary["reject_share"],
    }
