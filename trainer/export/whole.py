"""Whether the files of a SavedModel are whole."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

_VARIABLES = "variables/variables"


def damage(directory: Path) -> str | None:
    """Why the SavedModel in `directory` cannot be served, or None where its files are whole.

    Reads the graph and every weight, whose checksums TensorFlow compares; loads nothing.
    """
    graph = directory / "saved_model.pb"
    try:
        model = saved_model_pb2.SavedModel.FromString(graph.read_bytes())
    except DecodeError:
        return f"{graph.name} is damaged"
    if not model.meta_graphs:
        return f"{graph.name} holds no graph"
    if not (directory / f"{_VARIABLES}.index").exists():
        # A model without weights has none.
        return None
    try:
        reader = tf.train.load_checkpoint(str(directory / _VARIABLES))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except Exception as error:
        # The reader raises IndexError, RuntimeError or an error of TensorFlow's.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return f"its weights are damaged ({reason[:100]})"
    return None
