"""Data that several commands are run on."""

import pytest

from data.scenes import as_captioned_images
from tests.scene_folders import write_scenes


@pytest.fixture
def few_scenes(tmp_path):
    """A captioned folder of 40 generated scenes of 16 pixels, ten of them held out."""
    splits = ["val", "train", "train", "train"] * 10
    return write_scenes(tmp_path / "pictures", as_captioned_images(40, 16, seed=0), splits)
