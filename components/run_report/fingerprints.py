"""What tells the content of one artefact from that of another."""

from __future__ import annotations

import hashlib
from pathlib import Path

ENDS = 64 * 1024


def of_directory(directory: str) -> str:
    """Returns 12 hex digits of the names, lengths and both ends of all files; "" without any.

    The ends alone are read, so that a data set of many gigabytes takes no time.
    """
    root = Path(directory)
    if not root.is_dir():
        return ""
    digest, found = hashlib.blake2b(digest_size=6), False
    for path in sorted(item for item in root.rglob("*") if item.is_file()):
        found = True
        size = path.stat().st_size
        digest.update(f"{path.relative_to(root).as_posix()}\n{size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(ENDS))
            file.seek(max(0, size - ENDS))
            digest.update(file.read(ENDS))
    return digest.hexdigest() if found else ""
