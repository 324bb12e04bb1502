"""`tuwen train` by two workers, as the pods of a train job run it."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TINY = (
    "data={resolution: 16, max_captions: 2, max_length: 8, vocabulary_size: 24, min_count: 1}",
    "encoder={width: 4, embedding: 8, text_width: 8, batch_size: 8}",
    "training.precision=float32",
    "training.strategy=multi_worker",
)


def workers(few_scenes, work):
    """Runs both workers to their end; returns what each said, by its index."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    words = ["train", "demo", "--stage", "encoder", "--steps", "2"]
    words += ["--data", str(few_scenes), "--work", str(work)]
    words += [word for wish in TINY for word in ("--set", wish)]
    processes = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        given = {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task})}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", *words],
                env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **given},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    try:
        return [(one.communicate(timeout=600)[0], one.returncode) for one in processes]
    finally:
        for one in processes:
            one.kill()


@pytest.mark.slow
def test_one_prepares_the_data_and_both_train(few_scenes, tmp_path):
    work = tmp_path / "work"
    (chief, first), (other, second) = workers(few_scenes, work)
    assert (first, second) == (0, 0), f"{chief}\n{other}"
    assert "data: " in chief and "data: " not in other
    assert all(re.search("^2 steps in .*", said, re.MULTILINE) for said in (chief, other))
    assert (work / "models/encoder/saved_model.pb").is_file()
    assert len(list(work.glob("prepared-*"))) == 1
