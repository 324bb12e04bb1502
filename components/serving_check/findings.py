"""Judges what the replaying process saw; needs neither TensorFlow nor TFX."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.serving_check import outputs
from components.serving_check.contract import COMPRESSED_LIMITS, CONTRACT, ERROR
from components.serving_check.probes import ANSWER, EITHER, REFUSAL, ROW_ERROR, Probe

REFUSED = "InvalidArgumentError"


@dataclass(frozen=True)
class Latency:
    """How long a signature takes for one batch, in milliseconds."""

    signature: str
    batch: int
    first_ms: float
    median_ms: float


@dataclass(frozen=True)
class ServingReport:
    """What a model did in a fresh process.

    Attributes:
      model: `encoder`, `captioner` or `generator`.
      blessed: whether it can be served.
      sentence: why, and what to do about a refusal.
      problems: everything found wrong.
      requests: requests sent.
      import_seconds, load_seconds: of the libraries and of the model; None if it never loaded.
      peak_rss_mib: the process's greatest resident memory; None if it died.
      latencies: of each signature and batch size.
      foreign: by signature, its operations that are not TensorFlow's own but tensorflow_text's;
        only signatures that have some.
      compressed: by form, bytes and distances of the LiteRT models that were asked for.
    """

    model: str
    blessed: bool
    sentence: str
    problems: tuple[str, ...]
    requests: int
    import_seconds: float | None
    load_seconds: float | None
    peak_rss_mib: float | None
    latencies: tuple[Latency, ...]
    foreign: dict[str, list[str]]
    compressed: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-able mapping."""
        return dataclasses.asdict(self)


def report(model: str, probes: Sequence[Probe], facts: Mapping[str, Any]) -> ServingReport:
    """Returns the report on `model` from what `replay` wrote.

    Args:
      model: the model's name.
      probes: the requests that were sent.
      facts: `replay`'s JSON, or `{"died": reason}` when it left none.
    """
    problems = tuple(_problems(model, probes, facts))
    latencies = tuple(_latencies(probes, facts.get("answers", {})))
    load = facts.get("load_seconds")
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        sentence = f"Refused: {problems[0]}{more}. The {model} is not pushed; correct its export."
    else:
        sentence = (
            f"Blessed: {len(probes)} requests to {len(CONTRACT[model])} signatures answered as"
            f" agreed in a fresh process; loaded in {load:.1f} s,"
            f" peak memory {facts['peak_rss_mib']:.0f} MiB."
        )
    return ServingReport(
        model=model,
        blessed=not problems,
        sentence=sentence,
        problems=problems,
        requests=len(probes),
        import_seconds=facts.get("import_seconds"),
        load_seconds=load,
        peak_rss_mib=facts.get("peak_rss_mib"),
        latencies=latencies,
        foreign={
            name: found["foreign"]
            for name, found in facts.get("signatures", {}).items()
            if found.get("foreign")
        },
        compressed=facts.get("compressed", {}),
    )


def _problems(model: str, probes: Sequence[Probe], facts: Mapping[str, Any]) -> list[str]:
    if "died" in facts:
        return [facts["died"]]
    if "load_error" in facts:
        return [f"the SavedModel does not load: {facts['load_error']}"]
    problems = _names(model, facts["signatures"])
    if problems:
        return problems
    answers = facts["answers"]
    for probe in probes:
        problems += _outcome(probe, answers[probe.name])
    if problems:
        return problems
    problems = [problem for probe in probes for problem in _twins(probe, answers)]
    for form, found in facts.get("compressed", {}).items():
        problems += [f"LiteRT {form}: {fault}" for fault in _compressed_faults(found)]
    return problems


def _compressed_faults(found: Mapping[str, Any]) -> Iterator[str]:
    if "error" in found:
        yield found["error"]
    for name, apart in found.get("apart", {}).items():
        highest = COMPRESSED_LIMITS.get(name, float("inf"))
        if not apart <= highest:
            yield f"{name} is {apart:.3f} from the model's own, more than {highest:g}"


def _names(model: str, signatures: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
    problems = []
    for name, wanted in CONTRACT[model].items():
        if name not in signatures:
            problems.append(f"signature '{name}' is missing (there are: {', '.join(signatures)})")
            continue
        for side, names in (("inputs", wanted.inputs), ("outputs", wanted.outputs)):
            found = signatures[name][side]
            if names and set(found) != names:
                expected = ", ".join(sorted(names))
                problems.append(
                    f"signature '{name}' has {side} {', '.join(found)} in place of {expected}"
                )
    return problems


def _outcome(probe: Probe, answer: Mapping[str, Any]) -> list[str]:
    failed = answer.get("error")
    if failed is not None:
        if failed == REFUSED and probe.expect in (REFUSAL, EITHER):
            return []
        return [f"'{probe.name}' ended in {answer['message']} in place of {probe.expect}"]
    if probe.expect == REFUSAL:
        return [f"'{probe.name}' was answered, not refused"]
    values = {name: outputs.decode(record) for name, record in answer["outputs"].items()}
    return [f"'{probe.name}': {fault}" for fault in _faults(probe, values)]


def _faults(probe: Probe, values: Mapping[str, np.ndarray]) -> Iterator[str]:
    """What is wrong with an answer; rows with an error must be blank, all others sound."""
    errors = values[ERROR]
    if faults := outputs.faults(ERROR, errors, probe.rows):
        yield from faults
        return
    wrong = np.array([error != b"" for error in errors], bool)
    if probe.expect == ANSWER and wrong.any():
        yield f"refused a good row: {errors[wrong][0].decode()}"
    if probe.expect == ROW_ERROR and wrong.tolist() != [False] * (probe.rows - 1) + [True]:
        yield f"errors in rows {np.flatnonzero(wrong).tolist()} in place of the last one alone"
    for name, column in values.items():
        if len(column) != probe.rows:
            yield from outputs.faults(name, column, probe.rows)
        elif name != ERROR:
            yield from outputs.faults(name, column[~wrong], int((~wrong).sum()))
            yield from outputs.blank_faults(name, column[wrong])


def _twins(probe: Probe, answers: Mapping[str, Any]) -> list[str]:
    problems = []
    for twin in probe.twins:
        ours, theirs = (answers[name]["outputs"] for name in (probe.name, twin.other))
        for name, record in ours.items():
            one = outputs.decode(record)[twin.row]
            other = outputs.decode(theirs[name])[twin.other_row]
            if gap := outputs.difference(name, one, other):
                problems.append(
                    f"the same request differs between '{twin.other}' and '{probe.name}': {gap}"
                )
    return problems


def _latencies(probes: Sequence[Probe], answers: Mapping[str, Any]) -> list[Latency]:
    return [
        Latency(
            probe.signature,
            probe.rows,
            answers[probe.name]["first_ms"],
            answers[probe.name]["median_ms"],
        )
        for probe in probes
        if probe.repeats > 1 and "median_ms" in answers.get(probe.name, {})
    ]
