"""Runs the replay process on one SavedModel and checks the result; needs no TFX."""

from __future__ import annotations

import base64
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import components
from components.serving_check.contract import (
    ANSWER,
    COMPRESSED_LIMITS,
    CONTRACT,
    EITHER,
    ERROR,
    REFUSAL,
    ROW_ERROR,
    Probe,
    build,
)
from data.base.plain_paths import without_patterns
from data.picture_files import PictureError, open_picture
from data.schema import CaptionedImage

REFUSED = "InvalidArgumentError"
TOLERANCE = 1e-3


def check(
    model_dir: str,
    model_name: str,
    pictures: Sequence[CaptionedImage],
    *,
    batch: int = 8,
    time_limit: float = 180.0,
    compressed: Sequence[str] = (),
) -> ServingReport:
    """Replays requests built from `pictures` in a fresh process and checks the outputs.

    Args:
      model_dir: the SavedModel's directory.
      model_name: `encoder`, `captioner` or `generator`.
      pictures: one or more; the first `batch` are used.
      batch: rows of the larger requests, 2 or more.
      time_limit: seconds for all requests; a slower model is refused.
      compressed: forms that must exist as LiteRT models with similar outputs.

    Raises:
      ValueError: there is no picture for a request.
    """
    probes = build(model_name, pictures, batch)
    return report(model_name, probes, replay(model_dir, probes, time_limit, compressed))


def replay(
    model_dir: str, probes: Sequence[Probe], time_limit: float, compressed: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns the output of the fresh process, or `{"died": reason}` if it wrote none."""
    with tempfile.TemporaryDirectory() as directory:
        requests, answers = Path(directory, "requests.json"), Path(directory, "answers.json")
        requests.write_text(json.dumps([probe.to_json() for probe in probes]), encoding="utf-8")
        command = [sys.executable, "-m", "components.serving_check.replay"]
        command += [without_patterns(model_dir), str(requests), str(answers), *compressed]
        reason = run(command, Path(directory), time_limit)
        if reason:
            return {"died": reason}
        return json.loads(answers.read_text(encoding="utf-8"))


def run(command: list[str], directory: Path, time_limit: float) -> str:
    """Runs `command`; returns "" or why it failed, with the last line that it printed.

    The output goes to files in `directory`, so that heavy logging cannot block a pipe.
    """
    out, err = directory / "stdout", directory / "stderr"
    root = Path(components.__file__).parents[1]
    with out.open("wb") as stdout, err.open("wb") as stderr:
        try:
            done = subprocess.run(
                command, cwd=root, stdout=stdout, stderr=stderr, timeout=time_limit, check=False
            )
        except subprocess.TimeoutExpired:
            return f"no end after {time_limit:g} s, while at '{_last_line(out)}'"
    if done.returncode == 0:
        return ""
    code = done.returncode
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    return f"the process ended {how} while at '{_last_line(out)}': {_last_line(err)}"


def _last_line(file: Path) -> str:
    lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "start"


@dataclass(frozen=True)
class Latency:
    """The latency of a signature for one batch, in milliseconds."""

    signature: str
    batch: int
    first_ms: float
    median_ms: float


@dataclass(frozen=True)
class ServingReport:
    """The result of the check of one model.

    Attributes:
      model: `encoder`, `captioner` or `generator`.
      blessed: whether it can be served.
      sentence: why, and what to do about a refusal.
      problems: everything that was wrong.
      requests: number of requests sent.
      import_seconds, load_seconds: of the libraries and of the model; None if it did not load.
      peak_rss_mib: peak resident memory of the process; None if it died.
      latencies: of each signature and batch size.
      foreign: by signature, operations of tensorflow_text that TensorFlow lacks; only signatures
        with such operations.
      compressed: by form, bytes and distances of the requested LiteRT models.
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
    """Returns the report on `model` from the output of `replay`.

    Args:
      model: the model's name.
      probes: the requests that were sent.
      facts: the JSON of `replay`, or `{"died": reason}` if there is none.
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
    values = {name: decode_output(record) for name, record in answer["outputs"].items()}
    return [f"'{probe.name}': {fault}" for fault in _faults(probe, values)]


def _faults(probe: Probe, values: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Yields what is wrong with an answer: rows with an error must be blank, all others valid."""
    errors = values[ERROR]
    if faults := output_faults(ERROR, errors, probe.rows):
        yield from faults
        return
    wrong = np.array([error != b"" for error in errors], bool)
    if probe.expect == ANSWER and wrong.any():
        yield f"refused a good row: {errors[wrong][0].decode()}"
    if probe.expect == ROW_ERROR and wrong.tolist() != [False] * (probe.rows - 1) + [True]:
        yield f"errors in rows {np.flatnonzero(wrong).tolist()} in place of the last one alone"
    for name, column in values.items():
        if len(column) != probe.rows:
            yield from output_faults(name, column, probe.rows)
        elif name != ERROR:
            yield from output_faults(name, column[~wrong], int((~wrong).sum()))
            yield from blank_faults(name, column[wrong])


def _twins(probe: Probe, answers: Mapping[str, Any]) -> list[str]:
    problems = []
    for twin in probe.twins:
        ours, theirs = (answers[name]["outputs"] for name in (probe.name, twin.other))
        for name, record in ours.items():
            one = decode_output(record)[twin.row]
            other = decode_output(theirs[name])[twin.other_row]
            if gap := row_difference(name, one, other):
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


def decode_output(record: Mapping[str, Any]) -> np.ndarray:
    """Returns the array in a record of `replay`: numbers, or an object array of bytes."""
    if "b64" in record:
        flat = np.empty(len(record["b64"]), object)
        flat[:] = [base64.b64decode(item) for item in record["b64"]]
    else:
        flat = np.asarray(record["values"])
    return flat.reshape(record["shape"])


def output_faults(name: str, values: np.ndarray, rows: int) -> list[str]:
    """Returns what is wrong with output `name` [rows, ...] of one answer."""
    if not values.ndim or len(values) != rows:
        return [f"{name} has shape {list(values.shape)} for {rows} rows"]
    if name == "image_bytes" and rows:
        return _picture_faults(values)
    if values.dtype == object:
        return [] if all(_is_utf8(value) for value in values.ravel()) else [f"{name} is no UTF-8"]
    if not np.isfinite(values).all():
        return [f"{name} holds values that are not finite"]
    if name == "embedding" and _off_unit(values) > TOLERANCE:
        return ["embedding rows are no unit vectors"]
    return []


def blank_faults(name: str, values: np.ndarray) -> list[str]:
    """Returns a fault if rows [K, ...] of output `name` with an error are not blank."""
    empty = values == b"" if values.dtype == object else values == 0
    return [] if np.all(empty) else [f"{name} is not empty in a row with an error"]


def row_difference(name: str, one: Any, other: Any) -> str:
    """Returns how two rows of output `name` differ, or "" if they count as equal.

    Text and pictures must be equal byte by byte, numbers within `TOLERANCE`.
    """
    if name == "image_bytes":
        return _picture_difference(one, other)
    one, other = np.asarray(one, _kind(one)), np.asarray(other, _kind(other))
    if object in (one.dtype, other.dtype):
        return "" if one.tolist() == other.tolist() else f"{name}: {_show(one)} and {_show(other)}"
    if one.shape != other.shape:
        return f"{name}: shapes {list(one.shape)} and {list(other.shape)}"
    gap = float(np.abs(one - other).max(initial=0.0))
    return "" if gap <= TOLERANCE else f"{name}: up to {gap:.3g} apart"


def _picture_faults(values: np.ndarray) -> list[str]:
    sizes = set()
    for value in values.ravel():
        try:
            picture = open_picture(value).decode()
            sizes.add((picture.format, picture.mode, picture.size))
        except PictureError as error:
            return [f"image_bytes does not decode: {error.detail}"]
    described = ", ".join(f"{kind} {mode} {w}x{h}" for kind, mode, (w, h) in sorted(sizes))
    kinds = {(kind, mode) for kind, mode, _ in sizes}
    if kinds != {("PNG", "RGB")} or len(sizes) != 1:
        return [f"image_bytes should be RGB PNGs of one size, not {described}"]
    return []


def _off_unit(values: np.ndarray) -> float:
    return float(np.abs(np.linalg.norm(values, axis=-1) - 1).max(initial=0.0))


def _picture_difference(one: bytes, other: bytes) -> str:
    if one == other:
        return ""
    first, second = (np.asarray(open_picture(item).decode(), np.int16) for item in (one, other))
    if first.shape != second.shape:
        return f"image_bytes: {first.shape} and {second.shape} pixels"
    return f"image_bytes: pixels up to {np.abs(first - second).max()} of 255 apart"


def _kind(row: Any) -> Any:
    return object if isinstance(row, bytes) else None


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _show(values: np.ndarray) -> str:
    texts = [value.decode("utf-8", "replace") for value in values.ravel()[:3]]
    return repr(" ".join(texts))
