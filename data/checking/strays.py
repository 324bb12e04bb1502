"""Pictures that lie in a folder and that no row names: often a caption file that is not whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from data.checking.findings import Finding, first_places
from data.sources import Source, files


def find(source: Source, named: Collection[str]) -> Iterator[Finding]:
    """Yields a finding where the source's folder on this disk holds further pictures.

    Args:
      source: one whose `images` is a folder.
      named: the paths, relative to that folder, that rows name.
    """
    folder = getattr(source, "images", None)
    if not folder or files.is_remote(folder) or not files.is_folder(folder):
        return
    left = sorted(name for name in files.pictures_below(folder) if name not in named)
    if left:
        yield Finding(
            "uncaptioned_files",
            False,
            f"pictures in {folder} that no row names: {len(left)}, such as {left[0]}",
            "Write rows for them if they are meant to be learned from.",
            first_places(left),
        )
