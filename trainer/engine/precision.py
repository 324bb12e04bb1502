"""Mixed precision: the choice of the dtype policy, and float32 computation inside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from data.base import processor

_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
_POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


def choose(precision: str) -> tuple[str, str]:
    """Returns (Keras dtype policy, the reason for it).

    Args:
      precision: `auto`, `float32`, `bfloat16` or `float16`.
    """
    if precision != "auto":
        return _POLICIES[precision], f"{precision} is set in the configuration"
    if tf.config.list_physical_devices("GPU"):
        return "mixed_bfloat16", "a GPU is present"
    found = _BFLOAT16_FLAGS & processor.flags()
    if found:
        return "mixed_bfloat16", f"the CPU computes in bfloat16 ({', '.join(sorted(found))})"
    return "float32", "the CPU has no bfloat16 instructions"


@contextmanager
def policy_scope(policy: str) -> Iterator[None]:
    """Layers created inside have the Keras dtype policy `policy`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def float32_compute(model: keras.Model) -> Iterator[None]:
    """Inside, calls of `model` compute in float32, whatever its dtype policy.

    The weights of a mixed policy are float32 already, so only the computation changes. Gradient
    penalties need this: their second derivatives lose too much precision in bfloat16.
    """
    layers = list(model._flatten_layers())
    before = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in zip(layers, before, strict=True):
            layer.dtype_policy = policy
