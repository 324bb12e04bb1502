"""TFDS data sets: which features are read, splits, parts, generating, and names out of reach."""

import importlib.util

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data.base.errors import DataError
from data.sources import Row, collect, open_source
from data.sources.tfds_set import find_roles

SCENES = "data.scenes.captioned_scenes.captioned_scenes_dataset_builder"
COCO_LIKE = {
    "image": tfds.features.Image(shape=(None, None, 3)),
    "image/filename": tfds.features.Text(),
    "image/id": np.int64,
    "captions": tfds.features.Sequence({"text": np.str_, "id": np.int64}),
    "objects": tfds.features.Sequence({"label": tfds.features.ClassLabel(names=["a", "b"])}),
}


def example(place: int, size: int) -> dict:
    return {
        "image": np.full((8, 9, 3), 10 * place + size, np.uint8),
        "image/filename": f"{size}-{place}.png",
        "image/id": place,
        "captions": [{"text": f"number {place}", "id": 0}, {"text": "红色", "id": 1}],
        "objects": [{"label": 1}],
    }


def _info(self):
    return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(COCO_LIKE))


def _split_generators(self, dl_manager):
    return {split: self._generate_examples(size) for split, size in self.SIZES.items()}


def _generate_examples(self, size):
    return ((place, example(place, size)) for place in range(size))


def _no_archive(self, dl_manager):
    raise RuntimeError("no such archive")


def register(name: str, **members) -> None:
    """Makes a builder known to TFDS; its module is no file, so that TFDS looks for none."""
    shared = {
        "__module__": "tiny_builders",
        "VERSION": tfds.core.Version("1.0.0"),
        "SIZES": {"train": 5, "validation": 3},
        "_info": _info,
        "_split_generators": _split_generators,
        "_generate_examples": _generate_examples,
    }
    type(name, (tfds.core.GeneratorBasedBuilder,), shared | members)


register("TuwenTestSplits")
register("TuwenTestOneSplit", SIZES={"train": 4})
register("TuwenTestFails", _split_generators=_no_archive)
register("TuwenTestManual", MANUAL_DOWNLOAD_INSTRUCTIONS="Fetch it by hand.")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("tfds"))


def test_a_data_set_is_generated_and_read(data_dir):
    source = open_source("tfds:tuwen_test_splits", data_dir=data_dir)
    assert source.parts() == ("train[0:5]", "validation[0:3]")
    found = list(source.rows())
    assert all(isinstance(row, Row) for row in found)
    assert [row.split for row in found] == ["train"] * 5 + ["val"] * 3
    assert sorted(row.where for row in found)[0] == "train:0"
    one = next(row for row in found if row.image_id == "5-2.png")
    assert one.captions == ("number 2", "红色")
    assert one.languages == ("en", "zh")
    assert "train 5, validation 3" in source.describe()


def test_pictures_come_encoded_and_load(data_dir):
    examples, report, _ = collect(open_source("tfds:tuwen_test_splits", data_dir=data_dir))
    sizes = {(example.height, example.width, example.channels) for example in examples}
    assert sizes == {(8, 9, 3)} and not report.rejects


def test_parts_are_slices_that_make_up_the_whole(data_dir, monkeypatch):
    monkeypatch.setattr("data.sources.tfds_set._PART", 2)
    source = open_source("tfds:tuwen_test_splits", data_dir=data_dir)
    assert len(source.parts()) == 5
    piecewise = [row for part in source.parts() for row in source.rows(part)]
    assert [row.where for row in piecewise] == [row.where for row in source.rows()]
    assert [row.image for row in piecewise] == [row.image for row in source.rows()]


def test_a_single_split_is_divided_by_content(data_dir):
    source = open_source("tfds:tuwen_test_one_split", data_dir=data_dir)
    assert {row.split for row in source.rows()} == {None}


def test_fingerprints_differ_and_stay(data_dir):
    prints = [
        open_source(f"tfds:{name}", data_dir=data_dir).fingerprint()
        for name in ("tuwen_test_splits", "tuwen_test_one_split", "tuwen_test_splits")
    ]
    assert prints[0] == prints[2] != prints[1]


@pytest.mark.parametrize(
    ("name", "problem", "remedy"),
    [
        ("tfds:tuwen_no_such_set", "knows no such data set", "tfds:name"),
        ("tfds:tuwen_test_splits/config", "knows no such data set or config", "tfds:name"),
        ("tfds:tuwen_test_manual", "files from the network", "tfds build tuwen_test_manual"),
        ("tfds:tuwen_test_fails", "RuntimeError: no such archive", "tfds build"),
    ],
)
def test_what_is_out_of_reach_is_said_with_a_remedy(data_dir, name, problem, remedy):
    with pytest.raises(DataError, match=problem) as caught:
        open_source(name, data_dir=data_dir).describe()
    assert caught.value.where == name and remedy in caught.value.remedy


def roles(features, wanted=()):
    return find_roles(tfds.features.FeaturesDict(features), "set", wanted)


IMAGE = tfds.features.Image()
TEXT = tfds.features.Text()


def test_roles_of_coco_like_features():
    found = roles(COCO_LIKE)
    assert found.image == ("image",)
    assert found.captions == (("captions", "text"),)
    assert found.image_id == ("image/filename",)
    assert found.languages is None and found.attributes is None


@pytest.mark.parametrize(
    ("texts", "wanted", "expected"),
    [
        ({"caption": TEXT, "title": TEXT}, (), (("caption",),)),
        ({"alt_text": TEXT, "url": TEXT}, (), (("alt_text",),)),
        ({"words": TEXT}, (), (("words",),)),
        ({"a": TEXT, "b": TEXT}, ("b",), (("b",),)),
        ({"raw_captions": tfds.features.Sequence(TEXT), "id": TEXT}, (), (("raw_captions",),)),
    ],
)
def test_captions_are_found_by_name(texts, wanted, expected):
    assert roles({"image": IMAGE, **texts}, wanted).captions == expected


@pytest.mark.parametrize(
    ("features", "wanted", "problem"),
    [
        ({"caption": TEXT}, (), "no single image"),
        ({"left": IMAGE, "right": IMAGE, "caption": TEXT}, (), "left, right"),
        ({"frames": tfds.features.Sequence(IMAGE), "caption": TEXT}, (), "no single image"),
        ({"image": IMAGE}, (), "text features: none"),
        ({"image": IMAGE, "a": TEXT, "b": TEXT}, (), "a, b"),
        ({"image": IMAGE, "caption": TEXT}, ("captions",), "cannot be told"),
    ],
)
def test_features_that_do_not_tell_are_refused(features, wanted, problem):
    with pytest.raises(DataError, match=problem):
        roles(features, wanted)


@pytest.mark.skipif(importlib.util.find_spec(SCENES) is None, reason="no captioned_scenes builder")
def test_roles_of_captioned_scenes(tmp_path):
    module = importlib.import_module(SCENES)
    builder = module.Builder(config="32px", data_dir=tmp_path)
    found = find_roles(builder.info.features, "captioned_scenes")
    assert found.image == ("image",)
    assert found.captions == (("captions",),)
    assert found.languages == ("languages",)
    assert found.attributes == ("attributes",)
    assert found.image_id == ("id",)
