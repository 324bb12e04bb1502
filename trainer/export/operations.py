"""Finds operations of a SavedModel that TensorFlow lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from trainer.export.layout import SAVED_MODEL


def foreign_operations(directory: str) -> dict[str, frozenset[str]]:
    """Returns, by signature, the operations that are not part of TensorFlow.

    A process must load the library that registers them (here: tensorflow_text) before it loads the
    SavedModel, even if it calls only other signatures.
    """
    saved = saved_model_pb2.SavedModel.FromString(Path(directory, SAVED_MODEL).read_bytes())
    graph = saved.meta_graphs[0]
    library = {one.signature.name: one.node_def for one in graph.graph_def.library.function}
    nodes = {node.name: node for node in graph.graph_def.node}
    found = {}
    for name, signature in graph.signature_def.items():
        if signature.method_name != "tensorflow/serving/predict":
            continue
        ends = {value.name.partition(":")[0] for value in signature.outputs.values()}
        operations = set(_reached([nodes[end] for end in ends], library))
        found[name] = frozenset(op for op in operations if not hasattr(tf.raw_ops, op))
    return found


def _reached(roots, library) -> Iterator[str]:
    """Names of the operations in `roots` and in all functions that they call."""
    waiting, seen = list(roots), set()
    while waiting:
        node = waiting.pop()
        if node.op not in library:
            yield node.op
        for called in _functions(node):
            if called in library and called not in seen:
                seen.add(called)
                waiting += library[called]


def _functions(node) -> Iterator[str]:
    yield node.op
    for value in node.attr.values():
        yield from (one.name for one in [value.func, *value.list.func])
