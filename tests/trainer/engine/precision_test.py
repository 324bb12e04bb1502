"""Which precision is chosen, and that policies are put back. Values: see `models/`."""

import keras
import pytest

from data.base import processor
from trainer.engine import precision


def test_a_set_precision_is_taken_at_its_word():
    assert precision.choose("float32")[0] == "float32"
    policy, reason = precision.choose("bfloat16")
    assert policy == "mixed_bfloat16" and "configuration" in reason
    assert precision.choose("float16")[0] == "mixed_float16"


@pytest.mark.parametrize(
    ("gpus", "flags", "policy", "words"),
    [
        (["gpu"], "sse2", "mixed_bfloat16", "a GPU"),
        ([], "sse2 avx512_bf16 amx_bf16", "mixed_bfloat16", "amx_bf16, avx512_bf16"),
        ([], "sse2 avx512f", "float32", "no bfloat16"),
    ],
)
def test_auto_goes_by_the_device(monkeypatch, tmp_path, gpus, flags, policy, words):
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nflags\t\t: {flags}\nprocessor\t: 1\n")
    monkeypatch.setattr(processor, "CPUINFO", info)
    monkeypatch.setattr(precision.tf.config, "list_physical_devices", lambda kind: gpus)
    chosen, reason = precision.choose("auto")
    assert chosen == policy and words in reason


def test_a_machine_without_cpuinfo_computes_in_float32(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "missing")
    assert precision.choose("auto")[0] == "float32"


def test_the_policy_scope_ends_even_by_an_error():
    before = keras.config.dtype_policy().name
    with pytest.raises(RuntimeError), precision.policy_scope("mixed_bfloat16"):
        assert keras.layers.Dense(1).compute_dtype == "bfloat16"
        raise RuntimeError
    assert keras.config.dtype_policy().name == before
