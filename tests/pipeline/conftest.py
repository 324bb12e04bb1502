"""Data that several commands are run on."""

import json

import pytest

from data.scenes import as_captioned_images


@pytest.fixture
def few_scenes(tmp_path):
    """A captioned folder of 40 generated scenes of 16 pixels, ten of them held out."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    lines = []
    for number, record in enumerate(as_captioned_images(40, 16, seed=0)):
        (folder / f"{number}.png").write_bytes(record.encoded)
        split = "val" if number % 4 == 0 else "train"
        row = {"image": f"{number}.png", "captions": record.captions, "split": split}
        lines.append(json.dumps(row))
    (folder / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder
