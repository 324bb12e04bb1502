"""Random folders: whatever stands in them, every file is accounted for or named, in time."""

# Paths are text here, and may hold what no path should.
# ruff: noqa: PTH114, PTH118

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from data.base.errors import DataError
from data.checking.check import check
from data.checking.console import render
from data.sources import (
    Reject,
    RejectReport,
    Row,
    Source,
    inventory,
    open_source,
    picture_names,
    sift,
)
from data.sources.inventory import Inventory
from data.sources.rows import REMEDIES, Policies
from data.sources.text_files import TextFiles
from data.splits import SPLITS
from tests.fuzz import trees

# Far more than any of these folders takes on a busy machine.
_HANGS = 60


def test_every_file_of_random_folders_is_accounted_for(tmp_path, fuzz_seconds, fuzz_seed):
    end, read, number = time.monotonic() + fuzz_seconds, 0, 0
    while time.monotonic() < end:
        seed = f"{fuzz_seed}:{number}"
        random, root = Random(seed), tmp_path / f"{number}"
        root.mkdir()
        trees.make(random, root)
        try:
            with _deadline(_HANGS):
                read += _account(random, root)
        except BaseException:
            print(f"folder {root}, random numbers {seed!r}")
            raise
        for place in (root, tmp_path / f"{number}-elsewhere"):
            shutil.rmtree(place, ignore_errors=True)
        number += 1
    # Folders of which nothing can be read would try little.
    assert read > number / 4 > 0


@contextmanager
def _deadline(seconds: int) -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _account(random: Random, root: Path) -> bool:
    """Reads a folder; returns whether a picture of it could be used."""
    try:
        source = open_source(str(root), **_options(random))
        report = RejectReport()
        kept = list(sift(source, report))
        found = inventory.take(source, len(kept))
        source.fingerprint()
        result = check(source)
    except DataError as error:
        assert error.where and error.problem and error.remedy
        return False
    for reject in report.rejects:
        assert reject.reason in REMEDIES and reject.where and reject.detail
    assert found is not None and found.ignored.get(inventory.NOT_DRAWN, 0) == 0
    assert min((found.read, found.rejected, *found.ignored.values())) >= 0, found
    folders = {row.folder for row in source.rows() if isinstance(row, Row)} - {""}
    there = _files([root, *map(Path, folders)])
    # No search goes through a link.
    for place in (*folders, *map(os.path.dirname, source.texts()[0])):
        inner = os.path.relpath(place, root)
        assert inner.startswith("..") or not picture_names.passes_link(str(root), inner), place
    assert found.seen == len(there), (found, there)
    assert result.files == found.counts()
    if not source.holds_pictures():
        captions = [path for path in source.texts()[0] if _is_below(root, path)]
        assert found.read == len(kept) + len({*map(_place, captions)})
        _check_rejected(source, found, {_place(_path(one.row)) for one in kept}, report, there)
    assert sum(result.splits.values()) == result.pictures == len(kept)
    assert {*result.splits} == {*SPLITS}
    json.loads(result.to_json())
    assert render(result)
    return bool(kept)


def _options(random: Random) -> dict:
    options = {}
    for name, values in (
        ("resplit", (True,)),
        ("language", ("ja",)),
        ("text_captions", ("whole",)),
        (
            "policies",
            (Policies(unknown_key="keep", bad_split="fill"), Policies(bad_caption="drop")),
        ),
    ):
        if random.random() < 0.2:
            options[name] = random.choice(values)
    return options


def _check_rejected(
    source: Source, found: Inventory, kept: set[str], report: RejectReport, files: list[str]
) -> None:
    """The pictures that rejects name and that are there are those that are counted."""
    root = source.path
    named = {
        _place(os.path.join(root, picture_names.find(root, one.image) or one.image))
        for one in report.rejects
        if one.image
    }
    texts = {_place(path) for path in source.texts()[1]} if isinstance(source, TextFiles) else set()
    expected = ((named - kept) | texts) & {*map(_place, files)}
    # The rejects of JSON files name pictures from folders of their own.
    if getattr(source, "images", None) == root:
        assert found.rejected == len(expected), (found, expected, report.rejects)


def _path(row: Row | Reject) -> str:
    assert isinstance(row, Row)
    name = picture_names.find(row.folder, str(row.image))
    assert name is not None
    return os.path.join(row.folder, name)


def _place(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _is_below(root: Path, path: str) -> bool:
    return _place(path).startswith(f"{os.path.realpath(root)}/")


def _files(folders: list[Path]) -> list[str]:
    """All files below folders, each once, and the links to folders that lead out of them."""
    roots: list[str] = []
    for place in sorted({os.path.realpath(folder) for folder in folders}, key=len):
        if not _is_in(place, roots):
            roots.append(place)
    found = []
    for root in roots:
        for place, inner, held in os.walk(root):
            found += [os.path.join(place, name) for name in held]
            links = (os.path.join(place, name) for name in inner)
            found += [one for one in links if os.path.islink(one) and not _is_in(one, roots)]
    return found


def _is_in(path: str, roots: list[str]) -> bool:
    place = os.path.realpath(path)
    return any(f"{place}/".startswith(f"{root}/") for root in roots)
