"""Other kernels and another number of threads: the same answers within a tolerance."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.export.contract import CASES, ask
from tests.trainer.export.rows_test import inputs_of

SCRIPT = Path(__file__).with_name("requests_in_fresh_process.py")
SETTINGS = {
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "AVX2, one thread": {
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "TF_NUM_INTRAOP_THREADS": "1",
    },
}
# `docs/serving.md` promises them. A log probability is a sum over the words of a caption.
TOLERANCES = {"log_prob": 1e-5, "attention": 1e-6, "score": 1e-6, "embedding": 1e-6}


@pytest.fixture(scope="module")
def requests(served, pictures, scenes):
    """By stage and signature, the inputs of seven rows."""
    found = {}
    for stage, signature in CASES:
        specs = served(stage).signatures[signature].structured_input_signature[1]
        inputs = inputs_of(stage, signature, pictures, scenes, rows=7)
        found[stage, signature] = {
            name: tf.constant(column, specs[name].dtype).numpy() for name, column in inputs.items()
        }
    return found


@pytest.fixture(params=SETTINGS)
def answers(request, trained, requests, tmp_path):
    """By stage and signature, the answers of a fresh process with these variables."""
    directories = {stage: str(trained(stage).model_dir) for stage, _ in requests}
    asked = {(directories[stage], name): rows for (stage, name), rows in requests.items()}
    (tmp_path / "requests").write_bytes(pickle.dumps(asked))
    subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(tmp_path / "requests"), str(tmp_path / "answers")],
        check=True,
        env=os.environ | SETTINGS[request.param],
        timeout=300,
    )
    found, _ = pickle.loads((tmp_path / "answers").read_bytes())
    return {(stage, name): found[directories[stage], name] for stage, name in requests}


@pytest.mark.slow
def test_numbers_differ_by_no_more_than_the_tolerance(served, requests, answers):
    for (stage, signature), inputs in requests.items():
        here = ask(served(stage), signature, **inputs)
        for name in here.keys() & TOLERANCES.keys():
            np.testing.assert_allclose(
                answers[stage, signature][name],
                here[name],
                rtol=0,
                atol=TOLERANCES[name],
                err_msg=f"{stage} {signature} {name}",
            )
