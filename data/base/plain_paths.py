"""Paths for libraries that treat every path as a pattern.

TensorFlow's readers of checkpoints, and so of SavedModels, and TFX's nodes find files by patterns:
they read `runs/[old]` as `runs/o`, `runs/l` or `runs/d`. TFX has no option to change that.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from data.base.errors import DataError
from data.base.files import is_remote

_PATTERN = re.compile(r"[*?\[\]{}\\]")
_FURTHER = ("/tmp", "/var/tmp")


def without_patterns(path: str) -> str:
    """Returns `path`, or a link to it in the temporary folder if it contains pattern characters.

    A path always has the same link, because it may be part of a cache key.

    Raises:
      DataError: the temporary folders contain such characters too.
    """
    letters = _PATTERN.search(path)
    if is_remote(path) or not letters:
        return path
    for place in (tempfile.gettempdir(), *_FURTHER):
        if _PATTERN.search(place) or not os.access(place, os.W_OK | os.X_OK):
            continue
        target = os.path.abspath(path)  # noqa: PTH100
        link = own_folder(place) / name_of(target)
        if not link.is_symlink():
            # Create it under another name first: several processes may do so at the same time.
            beside = link.with_name(f"{link.name}.{os.getpid()}")
            beside.unlink(missing_ok=True)
            beside.symlink_to(target)
            beside.replace(link)
        return str(link)
    raise DataError(
        path,
        f"TensorFlow takes '{letters[0]}' for a pattern, and so it does in each temporary folder",
        "Choose another path, or set TMPDIR to one without.",
    )


def own_folder(temporary: str) -> Path:
    """Creates and returns this user's folder in `temporary`, which others may write to.

    Raises:
      DataError: it belongs to another user.
    """
    own = Path(temporary) / f"tuwen-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    found = own.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        remedy = "Set TMPDIR to a folder of your own."
        raise DataError(str(own), "this folder belongs to another user", remedy)
    return own


def name_of(path: str) -> str:
    """Returns a short unique name for a path."""
    return hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
