"""Generated scenes as a captioned folder, in any number."""

from __future__ import annotations

import json
from pathlib import Path

from data.base.files import write_whole
from data.scenes import as_captioned_images

SIDE = 32


def make_pictures(folder: Path, size: int) -> Path:
    """Returns a captioned folder of `size` generated scenes, made unless it is there."""
    lines = folder / "captions.jsonl"
    if lines.is_file():
        return folder
    print(f"making {size:,} pictures", flush=True)
    rows = []
    for number, record in enumerate(as_captioned_images(size, SIDE, seed=0)):
        # A folder of 200,000 files is slow on many file systems.
        path = Path(f"{number // 1000:04d}", f"{number}.png")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(record.encoded)
        row = {"image": str(path), "captions": record.captions, "attributes": record.attributes}
        rows.append(json.dumps(row | {"split": record.split}, ensure_ascii=False))
    # Last: a folder without it is half made.
    write_whole(str(lines), "\n".join(rows).encode())
    return folder
