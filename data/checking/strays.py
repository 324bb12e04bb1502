"""Pictures that lie in a folder and that no row names: often a caption file that is not whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from data.checking.findings import Finding, first_places
from data.sources import Source, files

_ENDINGS = frozenset((".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"))


def find(source: Source, named: Collection[str]) -> Iterator[Finding]:
    """Yields a finding where the source's folder on this disk holds further pictures.

    Args:
      source: one whose `images` is a folder.
      named: the paths, relative to that folder, that rows name.
    """
    folder = getattr(source, "images", None)
    if not folder or files.is_remote(folder) or not files.is_folder(folder):
        return
    root = Path(folder)
    there = (path for path in root.rglob("*") if path.suffix.lower() in _ENDINGS)
    names = (path.relative_to(root).as_posix() for path in there if path.is_file())
    left = sorted(name for name in names if name not in named)
    if left:
        yield Finding(
            "uncaptioned_files",
            False,
            f"{len(left)} pictures in {folder} are named by no row, such as {left[0]}",
            "Write rows for them if they are meant to be learned from.",
            first_places(left),
        )
