"""Damaged files of a SavedModel are found without loading it."""

import shutil
from pathlib import Path

import pytest

from trainer.export.whole import damage

WEIGHTS = "variables/variables.data-00000-of-00001"


@pytest.fixture
def model(pushed, tmp_path):
    return Path(shutil.copytree(pushed / "encoder" / "1", tmp_path / "model"))


def test_a_model_as_it_was_exported_is_whole(model):
    assert damage(model) is None


@pytest.mark.parametrize("name", ["saved_model.pb", WEIGHTS, "variables/variables.index"])
@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_file_that_was_cut_short_is_found(model, name, kept):
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[: int(kept * len(content))])
    assert damage(model)


def test_a_changed_weight_is_found(model):
    content = bytearray((model / WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 1
    (model / WEIGHTS).write_bytes(content)
    assert "weights" in damage(model)
