import logging

import numpy as np
import pytest

from trainer.metrics.extractors import FeatureCache

PICTURES = [b"one", b"two", b"three"]


class Counting:
    """Computes features and counts how often."""

    def __init__(self, rows=3):
        self.calls, self.rows = 0, rows

    def __call__(self):
        self.calls += 1
        return {
            "features": np.arange(self.rows * 4, dtype=np.float32).reshape(self.rows, 4),
            "classes": np.ones((self.rows, 2)),
        }


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(str(tmp_path / "features"))


def _files(tmp_path):
    return sorted((tmp_path / "features").iterdir())


def test_what_was_computed_once_is_read_again(cache, tmp_path):
    compute = Counting()
    first = cache.arrays(PICTURES, "random:12", compute)
    again = FeatureCache(str(tmp_path / "features")).arrays(iter(PICTURES), "random:12", compute)
    assert compute.calls == 1
    assert first.keys() == again.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(again[name], array)
        assert again[name].dtype == array.dtype
    (path,) = _files(tmp_path)
    assert path.name.startswith("random-12-") and path.suffix == ".npz"


@pytest.mark.parametrize(
    ("pictures", "extractor"),
    [
        ([b"one", b"two", b"thre"], "random:12"),
        ([b"onet", b"wo", b"three"], "random:12"),
        ([b"two", b"one", b"three"], "random:12"),
        (PICTURES, "random:13"),
        (PICTURES, "random-12"),
    ],
)
def test_other_pictures_another_order_or_extractor_are_computed(cache, pictures, extractor):
    compute = Counting()
    cache.arrays(PICTURES, "random:12", compute)
    cache.arrays(pictures, extractor, compute)
    assert compute.calls == 2


def _cut(content):
    return content[: len(content) // 2]


def _flip(content):
    middle = content.index(b"\x00\x00\x80?") + 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [_cut, _flip, lambda _: b"", lambda _: b"no archive at all"])
def test_a_damaged_file_is_found_and_computed_again(cache, tmp_path, damage, caplog):
    compute = Counting()
    whole = cache.arrays(PICTURES, "random:12", compute)
    (path,) = _files(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        found = cache.arrays(PICTURES, "random:12", compute)
    assert compute.calls == 2 and "is damaged" in caplog.text
    np.testing.assert_array_equal(found["features"], whole["features"])
    cache.arrays(PICTURES, "random:12", compute)
    assert compute.calls == 2
    assert _files(tmp_path) == [path]


def test_rows_that_do_not_fit_the_pictures_are_not_taken(cache, tmp_path):
    cache.arrays(PICTURES, "random:12", Counting(rows=2))
    compute = Counting()
    assert len(cache.arrays(PICTURES, "random:12", compute)["features"]) == 3
    assert compute.calls == 1


def test_a_failing_extractor_leaves_nothing_behind(cache, tmp_path):
    def fail():
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        cache.arrays(PICTURES, "random:12", fail)
    assert not (tmp_path / "features").exists()


def test_without_a_directory_everything_is_computed():
    compute = Counting()
    for _ in range(2):
        FeatureCache(None).arrays(PICTURES, "random:12", compute)
    assert compute.calls == 2
