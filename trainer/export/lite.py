"""LiteRT files for devices without TensorFlow, in float32 or quantised.

Operations that LiteRT lacks are left out: splitting captions into words (regular expressions,
Unicode normalisation, tables of strings), drawing noise from a seed, reading and writing picture
files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data.base.graphs import graph

DIRECTORY, SAMPLE = "lite", "sample.npz"
# Number of held-out rows that are stored with the original model's outputs.
SAMPLES = 8


class Core(NamedTuple):
    """The part of a model that is converted to LiteRT.

    Attributes:
      function: takes tensors with one row each, and returns outputs by name.
      samples: example rows of its arguments, by name.
    """

    function: Callable[..., dict[str, tf.Tensor]]
    samples: dict[str, np.ndarray]

    def concrete(self):
        """The concrete function for one row."""
        specs = [
            tf.TensorSpec([1, *rows.shape[1:]], rows.dtype, name)
            for name, rows in self.samples.items()
        ]
        return graph(self.function, input_signature=specs).get_concrete_function()


def write_compressed(directory: Path, core: Core, module: tf.Module, forms: Sequence[str]) -> None:
    """Writes `<form>.tflite` for each form, and the samples with the original model's outputs.

    Args:
      directory: created if there is a form to write.
      core: the part to convert.
      module: tracks its variables.
      forms: some of `COMPRESSED_FORMS`.
    """
    if not forms:
        return
    directory.mkdir(parents=True)
    concrete = core.concrete()
    for form in forms:
        (directory / f"{form}.tflite").write_bytes(_convert(concrete, module, form))
    answers: dict[str, list[np.ndarray]] = {}
    for row in range(len(next(iter(core.samples.values())))):
        inputs = [tf.constant(rows[row : row + 1]) for rows in core.samples.values()]
        for name, value in concrete(*inputs).items():
            answers.setdefault(name, []).append(value.numpy())
    given = {f"in_{name}": rows for name, rows in core.samples.items()}
    expected = {f"out_{name}": np.concatenate(rows) for name, rows in answers.items()}
    np.savez(directory / SAMPLE, **given, **expected)


def _convert(concrete, module: tf.Module, form: str) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    if form != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()
