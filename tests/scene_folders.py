"""Generated scenes as a user's data: pictures with a caption file beside them."""

import json
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path

from data.schema import CaptionedImage


def write_scenes(
    folder: Path, scenes: Iterable[CaptionedImage], splits: Iterable[str] = repeat("")
) -> Path:
    """Writes a captioned folder and returns it; a scene with a blank split is split by content."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for scene, split in zip(scenes, splits, strict=False):
        image = f"{scene.image_id}.png"
        (folder / image).write_bytes(scene.encoded)
        row = {"image": image, "captions": scene.captions, "split": split}
        rows.append(json.dumps(row, ensure_ascii=False) + "\n")
    (folder / "captions.jsonl").write_text("".join(rows), encoding="utf-8")
    return folder
