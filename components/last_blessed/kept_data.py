"""Statistics and gate decision of runs, kept in a folder for runs without a metadata store.

The folder has copies of statistics and gate decisions, named by a hash of the statistics, and
`last.json`, written last, with the names of the newest two: a run that is repeated on the newest
data is compared with the data before them.
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
# The newest data, which a new run may use again, and those before them.
_KEPT = 2


def keep(place: str, statistics: str, gate: str) -> None:
    """Stores the data of a run that has pushed a model as the newest in `place`.

    Args:
      place: the folder, may be a URI.
      statistics, gate: URIs of the artefacts.

    Raises:
      OSError, tf.errors.OpError: a file cannot be read or written; `place` keeps the old data.
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
    """Returns a hash of all files of the artefact."""
    found = hashlib.sha256()
    for folder, _, names in sorted(tf.io.gfile.walk(statistics)):
        for name in sorted(names):
            path = posixpath.join(folder, name)
            found.update(path.removeprefix(statistics).encode("utf-8"))
            found.update(hashlib.sha256(files.read(path)).digest())
    return found.hexdigest()[:16]
