"""Replays requests: `python -m components.serving_check.replay MODEL IN OUT [FORM...]`.

Only TensorFlow and tensorflow-text are imported, as in a model server, so a model that depends on
the code that trained it does not load here.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any


def main(model_dir: str, requests_file: str, out_file: str, *forms: str) -> None:
    """Loads the model, sends each request of the JSON file, and writes the results.

    Each of its compressed `forms` is called with its stored sample rows.
    The name of each request is printed first, so that the last one shows the cause of a crash.
    """
    started = time.perf_counter()
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  registers the operations of text models

    facts: dict[str, Any] = {"import_seconds": time.perf_counter() - started}
    requests = json.loads(Path(requests_file).read_text(encoding="utf-8"))
    started = time.perf_counter()
    print("loading the model", flush=True)
    try:
        model = tf.saved_model.load(model_dir)
    except Exception as error:  # a failure to load is a result of the check
        facts["load_error"] = _describe(error)
    else:
        facts["load_seconds"] = time.perf_counter() - started
        facts["signatures"] = _signatures(tf, model)
        facts["answers"] = {request["name"]: _answer(tf, model, request) for request in requests}
        facts["compressed"] = {form: _compressed(tf, model_dir, form) for form in forms}
    facts["peak_rss_mib"] = _peak_rss_mib()
    Path(out_file).write_text(json.dumps(facts), encoding="utf-8")


def _signatures(tf: Any, model: Any) -> dict[str, dict[str, list[str]]]:
    return {
        name: {
            "inputs": sorted(signature.structured_input_signature[1]),
            "outputs": sorted(signature.structured_outputs),
            "foreign": _foreign(tf, signature.graph.as_graph_def()),
        }
        for name, signature in model.signatures.items()
    }


def _foreign(tf: Any, graph: Any) -> list[str]:
    """Operations that another library adds to TensorFlow."""
    functions = {function.signature.name: function.node_def for function in graph.library.function}
    nodes = [*graph.node, *(node for body in functions.values() for node in body)]
    operations = {node.op for node in nodes} - functions.keys()
    return sorted(name for name in operations if not hasattr(tf.raw_ops, name))


def _answer(tf: Any, model: Any, request: dict[str, Any]) -> dict[str, Any]:
    print(request["name"], flush=True)
    if request["signature"] not in model.signatures:
        return {"error": "NoSuchSignature", "message": "the model has no such signature"}
    signature = model.signatures[request["signature"]]
    milliseconds = []
    try:
        inputs = _tensors(tf, signature, request["inputs"])
        for _ in range(request["repeats"]):
            started = time.perf_counter()
            outputs = {name: value.numpy() for name, value in signature(**inputs).items()}
            milliseconds.append(1000 * (time.perf_counter() - started))
    except Exception as error:  # the caller checks the type of the error
        return {"error": type(error).__name__, "message": _describe(error)}
    return {
        "first_ms": milliseconds[0],
        "median_ms": median(milliseconds[1:] or milliseconds),
        "outputs": {name: _encode(value) for name, value in outputs.items()},
    }


def _compressed(tf: Any, model_dir: str, form: str) -> dict[str, Any]:
    """The distance of a LiteRT model's outputs from those of the original model."""
    import numpy as np

    print(f"LiteRT {form}", flush=True)
    directory = Path(model_dir, "assets.extra", "tuwen", "lite")
    file = directory / f"{form}.tflite"
    if not file.is_file():
        return {"error": "it is missing"}
    with np.load(directory / "sample.npz") as archive:
        sample = dict(archive)
    given = {key[3:]: value for key, value in sample.items() if key.startswith("in_")}
    milliseconds: list[float] = []
    apart: dict[str, list[float]] = {key[4:]: [] for key in sample if key.startswith("out_")}
    try:
        run = _interpreter(tf)(str(file), num_threads=2).get_signature_runner()
        for row in range(len(next(iter(given.values())))):
            started = time.perf_counter()
            found = run(**{key: value[row : row + 1] for key, value in given.items()})
            milliseconds.append(1000 * (time.perf_counter() - started))
            for key, distances in apart.items():
                distances.append(_apart(np, found[key], sample[f"out_{key}"][row : row + 1]))
    except Exception as error:  # a failure is a result of the check
        return {"error": _describe(error)}
    return {
        "bytes": file.stat().st_size,
        "first_ms": milliseconds[0],
        "median_ms": median(milliseconds[1:] or milliseconds),
        "apart": {key: float(np.mean(distances)) for key, distances in apart.items()},
    }


def _interpreter(tf: Any) -> Any:
    """TensorFlow's interpreter if it has one; it is moving to a separate package."""
    if hasattr(tf.lite, "Interpreter"):
        return tf.lite.Interpreter
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter


def _apart(np: Any, one: Any, other: Any) -> float:
    """Mean difference of pixels, from 0 to 1; fraction of differing ids; relative difference of
    numbers."""
    if one.shape != other.shape or one.dtype != other.dtype:
        raise ValueError(f"{one.dtype} {one.shape} in place of {other.dtype} {other.shape}")
    if one.dtype == np.uint8:
        return float(np.abs(one.astype(float) - other).mean() / 255)
    if one.dtype == np.int32:
        return float((one != other).mean())
    return float(np.abs(one - other).mean() / (np.abs(other).mean() + 1e-6))


def _tensors(tf: Any, signature: Any, columns: dict[str, list[Any]]) -> dict[str, Any]:
    specs = signature.structured_input_signature[1]
    return {
        name: tf.constant([_decode(value) for value in column], specs[name].dtype)
        for name, column in columns.items()
    }


def _decode(value: Any) -> Any:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def _encode(value: Any) -> dict[str, Any]:
    flat = value.ravel().tolist()
    if value.dtype == object:
        flat = [base64.b64encode(item).decode() for item in flat]
        return {"shape": list(value.shape), "b64": flat}
    return {"shape": list(value.shape), "values": flat}


def _describe(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"


def _peak_rss_mib() -> float:
    # The kernel's ru_maxrss would include the parent's memory before exec.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
