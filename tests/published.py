"""Folders of published models: what tests put there, and what they find."""

import os
from pathlib import Path


def make_model(root: Path) -> str:
    """Makes a directory with the files of a SavedModel, of random bytes; returns its path."""
    (root / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "fingerprint.pb", "variables/variables.index"):
        (root / name).write_bytes(os.urandom(20_000))
    return str(root)


def versions(base: str) -> list[str]:
    return sorted(path.name for path in Path(base).iterdir())


def content(folder: Path | str) -> dict[str, bytes]:
    """The bytes of all files in a folder by their paths in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }
