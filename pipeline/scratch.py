"""The temporary files of a run, in a folder of their own that the next run clears."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator

from data.base.plain_paths import name_of, own_folder
from pipeline.work_dir import WorkDir


@contextlib.contextmanager
def temporary_files(work: WorkDir) -> Iterator[None]:
    """Has this process and its children put temporary files where they are removed in the end.

    Libraries leave theirs behind: TFX copies itself for every node that Beam runs. A killed process
    removes nothing, so the folder is named after the work directory, which the caller holds.
    """
    place = own_folder(tempfile.gettempdir()) / f"{name_of(str(work.root.absolute()))}.files"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(place)
    try:
        yield
    finally:
        tempfile.tempdir = before
        del os.environ["TMPDIR"]
        if variable is not None:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(place, ignore_errors=True)
