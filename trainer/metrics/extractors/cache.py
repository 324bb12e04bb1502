"""Features of reference pictures, kept on disk under what they depend on."""

from __future__ import annotations

import io
import logging
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from data.sources import files
from trainer.metrics.extractors.base import digest_of

_LOG = logging.getLogger(__name__)
_DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)

Arrays = dict[str, np.ndarray]


class FeatureCache:
    """Arrays by pictures and extractor, one file each.

    A file is written under another name and then renamed, so that it is whole or not there. One
    that has been damaged since is told by its checksums, or by the count of its rows, and computed
    again.
    """

    def __init__(self, directory: str | None):
        """Keeps files in `directory`, which may be remote and need not exist; None keeps none."""
        self._directory = directory

    def arrays(
        self, pictures: Iterable[bytes], extractor: str, compute: Callable[[], Arrays]
    ) -> Arrays:
        """What `compute` returns, from disk where it was computed before.

        Args:
          pictures: the encoded reference pictures, in order.
          extractor: all else that the arrays depend on, such as `identity(extractor)` and the side
            that pictures are brought to.
          compute: returns arrays of a row for each picture.
        """
        if self._directory is None:
            return compute()
        encoded = list(pictures)
        key = digest_of([extractor.encode(), *encoded])
        path = files.join(self._directory, f"{_plain(extractor)}-{key}.npz")
        found = self._read(path, len(encoded))
        if found is None:
            found = compute()
            files.write_whole(path, _packed(found))
        return found

    def _read(self, path: str, rows: int) -> Arrays | None:
        if not files.is_file(path):
            return None
        try:
            with np.load(io.BytesIO(files.read(path)), allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive.files}
            if not found or any(len(array) != rows for array in found.values()):
                raise ValueError(f"{rows} rows are expected")
        except _DAMAGE as error:
            _LOG.warning("%s is damaged (%s); its features are computed again", path, error)
            return None
        return found


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)
