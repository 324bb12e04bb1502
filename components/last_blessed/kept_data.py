"""What a run said of its data, kept in a folder for the runs that have no metadata to ask.

The folder holds a copy of statistics and of the gate's decision, named by what the statistics say,
and `last.json`, written last, with the names of the newest two: when a run on the newest data is
started again, it is compared with what came before them.
"""

from __future__ import annotations

import hashlib
import json
import posixpath

import tensorflow as tf
from tfx.utils import io_utils

from data.base import files

STATISTICS = "statistics"
GATE = "gate"
INDEX_FILE = "last.json"
# The data that a new run may be on already, and those before them.
_KEPT = 2


def keep(place: str, statistics: str, gate: str) -> None:
    """Makes the data of a run that has pushed a model the newest in `place`.

    Args:
      place: the folder, may be a URI.
      statistics, gate: URIs of the artefacts.

    Raises:
      OSError, tf.errors.OpError: a file could not be read or written; what was kept stays.
    """
    name, before = _name(statistics), _names(place)
    folder = posixpath.join(place, name)
    if name not in before:
        for key, uri in ((STATISTICS, statistics), (GATE, gate)):
            io_utils.copy_dir(uri, posixpath.join(folder, key))
    names = [name, *(one for one in before if one != name)]
    text = json.dumps({"newest_first": names[:_KEPT]})
    files.write_whole(posixpath.join(place, INDEX_FILE), text.encode("utf-8"))
    for old in names[_KEPT:]:
        tf.io.gfile.rmtree(posixpath.join(place, old))


def newest_but(place: str, statistics: str) -> str:
    """Returns the folder of the newest data in `place` other than those of `statistics`, or ""."""
    own = _name(statistics)
    others = [name for name in _names(place) if name != own]
    return posixpath.join(place, others[0]) if others else ""


def _names(place: str) -> list[str]:
    path = posixpath.join(place, INDEX_FILE)
    if not files.is_file(path):
        return []
    return json.loads(files.read(path).decode("utf-8"))["newest_first"]


def _name(statistics: str) -> str:
    """Returns a digest of all files of the artefact."""
    found = hashlib.sha256()
    for folder, _, names in sorted(tf.io.gfile.walk(statistics)):
        for name in sorted(names):
            path = posixpath.join(folder, name)
            found.update(path.removeprefix(statistics).encode("utf-8"))
            found.update(hashlib.sha256(files.read(path)).digest())
    return found.hexdigest()[:16]
