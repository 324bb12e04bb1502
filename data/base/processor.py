"""The processor of this machine: its instruction sets, and the TensorFlow kernels for it.

This module imports nothing heavy: it runs before TensorFlow is loaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
CPUINFO = Path("/proc/cpuinfo")
# With one of these, TensorFlow enables oneDNN by default (tsl/util/port.cc).
_ONEDNN_BY_DEFAULT = {"avx512_vnni", "avx_vnni", "amx_tile", "avx512_bf16"}
_OFF, _ON = ("0", "false"), ("1", "true")


def flags() -> frozenset[str]:
    """Instruction sets of the first core by Linux's names, such as `avx2`; empty if unknown."""
    if not CPUINFO.exists():
        return frozenset()
    lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    line = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())


def prefer_onednn(environment: MutableMapping[str, str] = os.environ) -> None:
    """Enables TensorFlow's oneDNN kernels, unless the environment says otherwise.

    By default, TensorFlow uses them only with AVX-512 VNNI, AVX-VNNI or AMX. With only AVX2, a
    training step takes 1.3 to 1.7 times as long without them (2 cores of an AMD EPYC, float32;
    `benchmarks/training_steps.py` measures it).
    TensorFlow reads the variable when it is first imported, so this runs in the `__init__.py` of
    the package that all others import. Processors without AVX2 keep TensorFlow's default.
    """
    if "tensorflow" not in sys.modules and "avx2" in flags():
        environment.setdefault(ONEDNN, "1")


def kernels(environment: MutableMapping[str, str] = os.environ) -> str:
    """Returns a phrase that says which CPU kernels TensorFlow uses, and why."""
    value = environment.get(ONEDNN, "").lower()
    if value in _OFF:
        return f"oneDNN is off ({ONEDNN}={value})"
    if value in _ON or flags() & _ONEDNN_BY_DEFAULT:
        return "oneDNN is on"
    if "avx2" in flags():
        # Otherwise `prefer_onednn` would have set the variable.
        return "oneDNN is off (TensorFlow was imported before tuwen)"
    return "oneDNN is left to TensorFlow"
