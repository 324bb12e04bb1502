"""What is published in a served folder: a whole model under the highest number, or nothing."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tensorflow as tf

from tests.published import content, make_model, versions
from trainer.export import whole
from trainer.export.whole import already_published, publish

NOW = 5000.5


@pytest.fixture
def model(tmp_path):
    """A directory with the files of a SavedModel."""
    return make_model(tmp_path / "model" / "Format-Serving")


@pytest.fixture
def base(tmp_path):
    return str(tmp_path / "serving")


def test_the_published_model_is_the_model(model, base):
    assert publish(model, base, NOW) == 5000
    assert versions(base) == ["5000"]
    assert content(f"{base}/5000") == content(model)


@pytest.mark.parametrize("there", ["20000", "5000"])
def test_its_number_is_above_all_that_are_there(model, base, there):
    Path(base, there).mkdir(parents=True)
    assert publish(model, base, NOW) == int(there) + 1


def cut_short(source, target, overwrite=False):
    Path(target).write_bytes(Path(source).read_bytes()[:100])


def test_a_copy_that_was_cut_short_is_not_published(model, base, monkeypatch):
    Path(base, "10").mkdir(parents=True)
    monkeypatch.setattr(tf.io.gfile, "copy", cut_short)
    with pytest.raises(OSError, match="is not as in"):
        publish(model, base, NOW)
    assert versions(base) == ["10"]


def test_further_files_are_there_before_the_version_is(model, base):
    assert publish(model, base, NOW, lambda number: {"extra/of.txt": b"%d" % number}) == 5000
    assert Path(base, "5000/extra/of.txt").read_bytes() == b"5000"
    with pytest.raises(ZeroDivisionError):
        publish(model, base, NOW, lambda _: {"extra/of.txt": b"" * (1 // 0)})
    assert versions(base) == ["5000"]


def test_two_that_publish_at_once_take_numbers_of_their_own(model, base):
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: publish(model, base, NOW), range(6)))
    assert sorted(found) == list(range(5000, 5006))
    assert versions(base) == [str(number) for number in range(5000, 5006)]


def test_what_a_killed_push_has_left_is_removed(model, base):
    Path(base, f"{whole.PARTIAL}17").mkdir(parents=True)
    publish(model, base, NOW)
    assert versions(base) == ["5000"]


def test_a_push_that_was_killed_after_its_model_was_published_is_known(model, base):
    assert already_published(model, base) is None
    publish(model, base, NOW)
    assert already_published(model, base) == 5000
    Path(base, "5000", "variables/variables.index").write_bytes(b"of another training")
    assert already_published(model, base) is None


def test_only_the_newest_version_counts_as_pushed_already(model, base):
    publish(model, base, NOW)
    Path(base, "6000").mkdir()
    assert already_published(model, base) is None


def test_a_model_without_a_fingerprint_is_pushed_again(model, base):
    Path(model, "fingerprint.pb").unlink()
    publish(model, base, NOW)
    assert already_published(model, base) is None


def test_in_a_store_the_file_that_tells_a_whole_model_comes_last(model, base, monkeypatch):
    """As on gs://, where a folder cannot be renamed."""
    monkeypatch.setattr(whole.files, "is_remote", lambda path: path == base)
    seen, copy = [], tf.io.gfile.copy

    def last(source, target, overwrite=False):
        seen.append(sorted(content(f"{base}/5000")))
        copy(source, target, overwrite)

    monkeypatch.setattr(tf.io.gfile, "copy", last)
    publish(model, base, NOW)
    assert seen[-1] == ["fingerprint.pb", "variables/variables.index"]
    assert content(f"{base}/5000") == content(model)
    monkeypatch.setattr(tf.io.gfile, "copy", cut_short)
    with pytest.raises(OSError, match="is not as in"):
        publish(model, base, NOW)
    assert versions(base) == ["5000"]
