"""Which training `tuwen train` goes on with."""

from types import SimpleNamespace

import pytest

from pipeline.cli import main
from trainer.export.layout import RECORD, SIDECAR, WEIGHTS


@pytest.fixture
def encoder(tmp_path):
    """An exported encoder, as far as the command looks at it."""
    folder = tmp_path / "work" / "models" / "encoder"
    (folder / SIDECAR).mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    (folder / SIDECAR / RECORD).touch()
    (folder / SIDECAR / WEIGHTS).write_bytes(b"weights")
    (folder / "fingerprint.pb").write_bytes(b"one export")
    return folder


@pytest.fixture
def captioner_directory(few_scenes, tmp_path, monkeypatch):
    """Where `tuwen train` puts the captioner's training."""

    found = []

    def place(experiment, stage, data, directory, *rest):
        found.append(directory)
        return SimpleNamespace(steps=0, seconds=0.0, stop_reason="", validation={})

    def told():
        words = ["train", "demo", "--stage", "captioner", "--smoke"]
        assert main([*words, "--data", str(few_scenes), "--work", str(tmp_path / "work")]) == 0
        return found[-1]

    monkeypatch.setattr("trainer.train.train", place)
    return told


def test_an_encoder_exported_once_more_is_the_same_to_the_captioner(encoder, captioner_directory):
    first = captioner_directory()
    (encoder / "fingerprint.pb").write_bytes(b"another export of the same weights")
    assert captioner_directory() == first


def test_the_captioner_of_another_encoder_is_another_training(encoder, captioner_directory):
    first = captioner_directory()
    (encoder / SIDECAR / WEIGHTS).write_bytes(b"other weights")
    assert captioner_directory() != first
