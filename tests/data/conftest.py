"""Small pictures and captioned folders that tests make for themselves."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def _picture(
    seed: int = 0, name: str = "PNG", mode: str = "RGB", side: int = 16, **save: Any
) -> bytes:
    """Returns an encoded picture; different seeds show different pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(target, name, **save)
    return target.getvalue()


@pytest.fixture
def picture() -> Callable[..., bytes]:
    return _picture


@pytest.fixture
def captioned(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of pictures 0.png, 1.png... and writes records to its captions.jsonl."""

    def make(records: list[Any], pictures: int = 3) -> Path:
        for seed in range(pictures):
            (tmp_path / f"{seed}.png").write_bytes(_picture(seed))
        lines = (r if isinstance(r, bytes) else json.dumps(r).encode() for r in records)
        (tmp_path / "captions.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        return tmp_path

    return make
