"""Fingerprints follow names, lengths and both ends of files, and nothing else."""

import os

import pytest

from components.run_report.execution import ENDS, directory_fingerprint


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a" / "sub").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"x" * (3 * ENDS))
    (tmp_path / "a" / "sub" / "two").write_bytes(b"two")
    return tmp_path / "a"


def test_equal_files_have_equal_fingerprints_wherever_they_lie(folder, tmp_path):
    before = directory_fingerprint(str(folder))
    assert len(before) == 12
    os.utime(folder / "one", (1, 1))
    folder.rename(tmp_path / "b")
    assert directory_fingerprint(str(tmp_path / "b")) == before


@pytest.mark.parametrize("place", [0, 3 * ENDS - 1])
def test_a_changed_end_changes_it(folder, place):
    before = directory_fingerprint(str(folder))
    content = bytearray((folder / "one").read_bytes())
    content[place] = 0
    (folder / "one").write_bytes(bytes(content))
    assert directory_fingerprint(str(folder)) != before


def test_names_and_lengths_count(folder):
    before = directory_fingerprint(str(folder))
    (folder / "sub" / "two").rename(folder / "sub" / "three")
    renamed = directory_fingerprint(str(folder))
    (folder / "sub" / "three").write_bytes(b"twoo")
    assert len({before, renamed, directory_fingerprint(str(folder))}) == 3


def test_without_files_there_is_none(tmp_path):
    (tmp_path / "empty").mkdir()
    assert (
        directory_fingerprint(str(tmp_path)) == directory_fingerprint(str(tmp_path / "gone")) == ""
    )
