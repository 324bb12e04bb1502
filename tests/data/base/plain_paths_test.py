"""Links to paths that libraries would take for patterns."""

import tempfile
from pathlib import Path

import pytest

from data.base import plain_paths
from data.base.errors import DataError
from data.base.plain_paths import own_folder, without_patterns


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(plain_paths, "_FURTHER", ())
    return place


@pytest.mark.parametrize("name", ["a[1]", "a*", "a?", "{SPAN}", "back\\slash", "ü [x] #%$"])
def test_a_path_with_letters_of_patterns_has_one_link(tmp_path, name):
    path = tmp_path / name / "work"
    path.mkdir(parents=True)
    link = without_patterns(str(path))
    assert not set(link) & set("[]*?{}\\")
    assert Path(link).resolve() == path and without_patterns(str(path)) == link
    assert without_patterns(str(path.parent)) != link
    (path / "file").touch()
    assert (Path(link) / "file").exists()


@pytest.mark.parametrize("path", ["/a b/ü #%$", "gs://bucket/a[1]", "-x", "relative"])
def test_other_paths_stay_as_they_are(path):
    assert without_patterns(path) == path


def test_a_link_is_made_before_what_it_leads_to(tmp_path):
    link = without_patterns(str(tmp_path / "[x]"))
    assert not Path(link).exists()
    (tmp_path / "[x]").mkdir()
    assert Path(link).is_dir()


def test_without_a_plain_temporary_folder_the_letter_and_a_remedy_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t[1]"))
    with pytest.raises(DataError, match="TMPDIR") as caught:
        without_patterns("/x/b*")
    assert caught.value.where == "/x/b*" and "'*'" in caught.value.problem


def test_a_folder_that_somebody_else_made_is_not_used(temporary, tmp_path, monkeypatch):
    own = own_folder(str(temporary))
    assert own.stat().st_mode & 0o077 == 0
    own.rmdir()
    own.symlink_to(tmp_path)
    with pytest.raises(DataError, match="another user"):
        own_folder(str(temporary))
