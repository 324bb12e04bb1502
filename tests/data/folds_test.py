"""Folds hold every picture once, even ones of its like together, and none of them leaks."""

from collections import Counter
from dataclasses import replace

import pytest

from data.base.errors import DataError
from data.folds import fold_of, split_into_folds
from data.picture_files import content_hash
from data.prepared import prepare
from data.scenes import as_captioned_images

SETTINGS = {
    "resolution": 16,
    "max_captions": 2,
    "max_length": 8,
    "vocabulary_size": 24,
    "min_count": 1,
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """18 pictures, four of them twice under another name, and a test split that stays out."""
    scenes = list(as_captioned_images(20, 16, seed=0))
    twins = [replace(scene, image_id=f"twin-{scene.image_id}") for scene in scenes[:4]]
    splits = {"train": scenes[:14], "val": scenes[14:18] + twins, "test": scenes[18:]}
    return prepare(splits, str(tmp_path_factory.mktemp("prepared") / "data"), **SETTINGS)


def names(data, split):
    return data.arrays(split).image_ids


def test_each_picture_of_train_and_val_is_held_out_once(prepared, tmp_path):
    folds = split_into_folds(prepared, 3, str(tmp_path / "folds"))
    everyone = Counter(names(prepared, "train") + names(prepared, "val"))
    assert sum((Counter(names(fold, "val")) for fold in folds), Counter()) == everyone
    assert all(Counter(names(fold, "train") + names(fold, "val")) == everyone for fold in folds)


def test_identical_pictures_are_never_on_both_sides(prepared, tmp_path):
    for fold in split_into_folds(prepared, 3, str(tmp_path / "folds")):
        held = fold.arrays("val")
        trained = {picture.tobytes() for picture in fold.arrays("train").images}
        assert not any(picture.tobytes() in trained for picture in held.images)


def test_rows_are_what_they_were(prepared, tmp_path):
    fold, *_ = split_into_folds(prepared, 2, str(tmp_path / "folds"))
    before = prepared.arrays("train")
    held = fold.arrays("val")
    shared = [name for name in held.image_ids if name in before.image_ids]
    assert shared
    for name in shared:
        one, other = before.image_ids.index(name), held.image_ids.index(name)
        assert before.captions[one] == held.captions[other]
        assert (before.ids[one] == held.ids[other]).all()
        assert (before.labels[one] == held.labels[other]).all()


def test_folds_that_are_there_are_taken_as_they_are(prepared, tmp_path):
    place = tmp_path / "folds"
    split_into_folds(prepared, 2, str(place))
    before = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    split_into_folds(prepared, 2, str(place))
    assert before == {path: path.stat().st_mtime_ns for path in place.iterdir()}


def test_too_many_folds_are_refused_and_nothing_is_left(prepared, tmp_path):
    with pytest.raises(DataError, match=r"22 pictures in 40 folds: .*Choose fewer folds"):
        split_into_folds(prepared, 40, str(tmp_path / "folds"))
    assert not (tmp_path / "folds").exists()


def test_folds_of_one_split_are_even():
    """The hash that chose the split lies in a part of its range; folds must not follow that."""
    hashes = [content_hash(scene.encoded) for scene in as_captioned_images(300, 16, seed=1)]
    narrow = [one for one in hashes if int(one[:2], 16) < 128]
    counts = Counter(fold_of(one, 4) for one in narrow)
    assert set(counts) == {0, 1, 2, 3} and min(counts.values()) > len(narrow) / 8
