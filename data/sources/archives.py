"""Archives that lie in a data set's folder: how they end, and what unpacks them."""

from __future__ import annotations

import posixpath
import shlex
import tarfile
import zipfile
from itertools import islice

from data.base import files
from data.base.errors import DataError

TAR = (".tar", *(f".tar{packing}" for packing in files.PACKINGS), *files.TAR_PACKINGS)
_ZIP, _OTHERS = ".zip", (".7z", ".rar")
_COMMANDS = {
    _ZIP: "python3 -m zipfile -e {path} {target}",
    **dict.fromkeys(TAR, "mkdir -p {target} && tar -xf {path} -C {target}"),
    **dict.fromkeys(_OTHERS, "7z x -o{target} {path}"),
}
ENDINGS = tuple(_COMMANDS)


def is_archive(name: str) -> bool:
    """Whether a file's name ends as those of archives do."""
    return name.lower().endswith(ENDINGS)


def unpacking(folder: str, name: str) -> str:
    """Returns the command that unpacks an archive in `folder`, as a remedy.

    What is a folder in it, as COCO's `train2017`, becomes one beside it; loose files go to a folder
    of its name.
    """
    ending = next(ending for ending in ENDINGS if name.lower().endswith(ending))
    path = files.join(folder, name)
    target = (posixpath.dirname(path) or ".") if _holds_folder(path) else path[: -len(ending)]
    places = {"path": path, "target": target}
    command = _COMMANDS[ending].format(**{key: shlex.quote(path) for key, path in places.items()})
    return f"Unpack it: {command}"


def _holds_folder(path: str) -> bool:
    """Whether all that is in an archive, or the first of it, is in a folder."""
    try:
        if path.lower().endswith(_ZIP):
            with files.opened(path) as file, zipfile.ZipFile(file) as packed:
                return all("/" in name for name in packed.namelist())
        if path.lower().endswith(TAR):
            with files.unpacked(path) as file, tarfile.open(fileobj=file, mode="r|") as tar:
                return any(
                    "/" in posixpath.normpath(one.name) or one.isdir() for one in islice(tar, 1)
                )
    except (DataError, OSError, EOFError, tarfile.TarError, zipfile.BadZipFile):
        return False
    return False
