"""A damaged file of records is named, with what makes it again."""

import gzip

import pytest
import tensorflow as tf

from data.base.errors import DataError
from data.base.tfrecords import naming_damaged, require_whole


@pytest.fixture
def paths(tmp_path):
    """Two files of 50 records each, in the folders of an artefact."""
    folder = tmp_path / "examples" / "7" / "Split-train"
    folder.mkdir(parents=True)
    options = tf.io.TFRecordOptions("GZIP")
    for number in range(2):
        with tf.io.TFRecordWriter(str(folder / f"{number}.gz"), options) as writer:
            for record in range(50):
                writer.write(tf.random.stateless_uniform([50], [record, number]).numpy().tobytes())
    return [folder / "0.gz", folder / "1.gz"]


def empty(path):
    path.write_bytes(b"")


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def changed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def overwritten(path):
    path.write_bytes(b"no records" * 100)


def changed_record(path):
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[500] ^= 1
    path.write_bytes(gzip.compress(bytes(content)))


HARMS = [empty, cut_short, changed, overwritten, changed_record]


@pytest.mark.parametrize("harm", HARMS)
def test_the_damaged_file_is_named_and_the_artefact_that_is_made_again(paths, harm):
    harm(paths[1])
    names = list(map(str, paths))
    with pytest.raises(DataError) as caught, naming_damaged(names):
        list(tf.data.TFRecordDataset(names, "GZIP"))
    assert caught.value.where == names[1]
    assert f"Delete {paths[0].parents[1]}," in caught.value.remedy
    with pytest.raises(DataError):
        require_whole(names)


def test_files_that_are_whole_are_read(paths):
    names = list(map(str, paths))
    with naming_damaged(names):
        assert len(list(tf.data.TFRecordDataset(names, "GZIP"))) == 100
    require_whole(names)


def test_an_error_that_is_not_of_a_file_stays_as_it_is(paths):
    with pytest.raises(tf.errors.InvalidArgumentError), naming_damaged(list(map(str, paths))):
        tf.io.decode_png(tf.constant(b"x"))
