"""A file of metadata that cannot be used is told with its path, before anything waits for it."""

import os
import sqlite3

import pytest

from components.metadata import CREATE, READ, WRITE, opened, pb, require_usable
from data.base.errors import DataError


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "metadata.db"
    store = opened(str(path), CREATE)
    store.put_artifact_type(pb.ArtifactType(name="Model"))
    del store
    return path


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwritten(path):
    path.write_bytes(b"no database" * 1000)


def changed(path):
    content = bytearray(path.read_bytes())
    page = 4096
    content[page : 3 * page] = os.urandom(2 * page)
    path.write_bytes(content)


def another(path):
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (text)")
    connection.commit()
    connection.close()


def test_what_was_written_is_read(database):
    for mode in (READ, WRITE, CREATE):
        assert [kind.name for kind in opened(str(database), mode).get_artifact_types()] == ["Model"]


@pytest.mark.parametrize("mode", [READ, WRITE, CREATE])
@pytest.mark.parametrize("harm", [cut_short, overwritten, changed, another])
def test_a_damaged_file_is_named(database, harm, mode):
    harm(database)
    with pytest.raises(DataError) as caught:
        opened(str(database), mode)
    assert caught.value.where == str(database) and "delete it" in caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_locked_file_is_told_as_locked(database, monkeypatch):
    monkeypatch.setattr("components.metadata._PATIENCE", 0.1)
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    require_usable(database, READ)
    with pytest.raises(DataError, match="another process has locked it"):
        require_usable(database, CREATE)
    holder.execute("COMMIT")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DataError, match="another process has locked it"):
        require_usable(database, READ)
    holder.close()
    require_usable(database, WRITE)


def test_a_file_that_is_not_there_is_not_made_to_look(tmp_path):
    require_usable(tmp_path / "metadata.db")
    assert not list(tmp_path.iterdir())
