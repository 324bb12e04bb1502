"""Each check on data that is as it should be, and on data with one fault."""

import dataclasses
import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.data_gate import anomalies, checks
from components.data_gate.facts import Facts, gather
from components.data_gate.findings import Decision, Finding, GateLimits
from data.errors import DataError
from data.schema import CaptionedImage

COLOURS = ("red", "green", "blue")


def _facts(split, number, **changes):
    colour = COLOURS[number % 3]
    name = f"{split}-{number}"
    made = Facts(
        image_id=name,
        captions=(f"A {colour} cat, number {name}", f"{colour}猫{name}"),
        languages=("en", "zh"),
        attributes=(f"colour:{colour}", "animal:cat" if number % 4 else "animal:cats"),
        content=name.encode(),
        look=hashlib.md5(name.encode()).digest(),
    )
    return dataclasses.replace(made, **changes)


@pytest.fixture
def splits():
    """Sound data: 90 pictures in train, 30 in val and in test."""
    counts = {"train": 90, "val": 30, "test": 30}
    return {split: [_facts(split, n) for n in range(count)] for split, count in counts.items()}


def _run(splits, **limits):
    found = [one for check in checks.CHECKS for one in check(splits, GateLimits(**limits))]
    return {one.check: one for one in found}


def test_sound_data_passes(splits):
    assert _run(splits) == {}


def test_a_missing_and_a_small_split(splits):
    del splits["val"]
    splits["test"] = splits["test"][:3]
    found = list(checks.sizes(splits, GateLimits()))
    assert [one.what for one in found] == [
        "val has 0 pictures, fewer than 8",
        "test has 3 pictures, fewer than 8",
    ]
    assert all(one.stops for one in found)


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("unpaired_language", {"languages": ("en",)}),
        ("empty_caption", {"captions": (" . ", "猫")}),
        ("repeated_name", {"image_id": "train-1"}),
        ("undecodable_picture", {"look": b""}),
        ("leaked_picture", {"content": b"train-1"}),
        ("unseen_language", {"languages": ("en", "de")}),
    ],
)
def test_one_bad_picture_stops(splits, check, changes):
    splits["test"][5] = _facts("test", 5, **changes)
    found = _run(splits)
    assert set(found) == {check}
    assert found[check].stops
    assert "test" in found[check].what or check == "repeated_name"


def test_broken_pictures_are_not_called_alike(splits):
    for split in splits:
        splits[split][0] = _facts(split, 0, look=b"")
    assert set(_run(splits)) == {"undecodable_picture"}


def test_one_caption_for_many_pictures(splits):
    for number in range(20):
        splits["train"][number] = _facts("train", number, captions=("Image.", f"red 猫{number}"))
    found = _run(splits)["one_caption"]
    assert found.stops and "20 of 90 pictures of train have the caption 'image'" in found.what
    assert "one_caption" not in _run(splits, max_caption_share=0.3)


def test_pictures_without_a_caption_of_their_own_are_a_warning(splits):
    for number in range(60):
        splits["train"][number] = _facts("train", number, captions=(f"cat {number % 15}", "猫"))
    found = _run(splits, max_caption_share=0.7)["ambiguous_captions"]
    assert not found.stops and found.what.startswith("60 of 90")


def test_language_tags_that_do_not_fit_the_script(splits):
    splits["train"][0] = _facts("train", 0, languages=("zh", "zh"))
    few = _run(splits)["language_tag"]
    assert not few.stops and "1 of 151 captions tagged 'zh'" in few.what
    for split, rows in splits.items():
        splits[split] = [dataclasses.replace(row, languages=("zh", "zh")) for row in rows]
    assert _run(splits)["language_tag"].stops


def test_similar_pictures_are_a_warning(splits):
    splits["test"][0] = _facts("test", 0, look=splits["train"][3].look)
    found = _run(splits)["similar_pictures"]
    assert not found.stops and "1 of 30 pictures of test" in found.what


def test_two_values_of_an_exclusive_group(splits):
    splits["val"][0] = _facts("val", 0, attributes=("colour:red", "colour:blue", "animal:cat"))
    found = _run(splits)["attribute_contradiction"]
    assert not found.stops and "1 pictures have several values of 'colour'" in found.what


def test_a_group_of_many_values_is_no_contradiction(splits):
    for number in range(10):
        both = ("colour:red", "colour:blue", "animal:cat")
        splits["val"][number] = _facts("val", number, attributes=both)
    assert "attribute_contradiction" not in _run(splits)


def test_attributes_that_slipped_by_one_row(splits):
    for split, rows in splits.items():
        turned = [*rows[1:], rows[0]]
        splits[split] = [
            dataclasses.replace(row, attributes=other.attributes)
            for row, other in zip(rows, turned, strict=True)
        ]
    found = _run(splits)
    assert set(found) == {"captions_beside_attributes"}
    assert found["captions_beside_attributes"].stops


def _anomalies(kind, severity=anomalies_pb2.AnomalyInfo.ERROR):
    made = anomalies_pb2.Anomalies()
    info = made.anomaly_info["caption/text"]
    info.severity, info.description = severity, "It is odd."
    info.reason.add().type = kind
    return made


@pytest.mark.parametrize(
    ("kind", "severity", "stops", "remedy"),
    [
        ("SCHEMA_MISSING_COLUMN", "ERROR", True, "Give every picture"),
        ("INT_TYPE_BIG_INT", "ERROR", True, "Correct the data"),
        ("INT_TYPE_BIG_INT", "WARNING", False, "Correct the data"),
        ("SCHEMA_NEW_COLUMN", "ERROR", False, "Leave the feature out"),
    ],
)
def test_anomalies_by_severity_and_kind(kind, severity, stops, remedy):
    info = anomalies_pb2.AnomalyInfo
    made = _anomalies(info.Type.Value(kind), info.Severity.Value(severity))
    (found,) = anomalies.judge("val", made)
    assert (found.stops, found.what) == (stops, "caption/text of val: It is odd.")
    assert found.remedy.startswith(remedy)


def test_gather_sees_copies_and_broken_pictures():
    noise = np.random.RandomState(0).randint(0, 256, (40, 40, 3), np.uint8)

    def encode(kind, **options):
        buffer = io.BytesIO()
        Image.fromarray(noise).resize((64, 64)).save(buffer, kind, **options)
        return buffer.getvalue()

    files = [encode("PNG"), encode("PNG", compress_level=1), b"broken", encode("PNG")]
    pictures = [
        CaptionedImage(str(n), file, 64, 64, 3, ("x",), ("en",), (), "train")
        for n, file in enumerate(files)
    ]
    facts = gather(pictures)
    assert [one.image_id for one in facts] == ["0", "1", "2", "3"]
    assert facts[0].content == facts[3].content != facts[1].content
    assert facts[0].look == facts[1].look == facts[3].look
    assert facts[2].look == b""


def test_decision_names_every_reason_to_stop():
    warning = Finding("w", False, "little", "Mind it.")
    stop = Finding("s", True, "bad", "Mend it.")
    decision = Decision.of([warning, stop, stop], {"n": 1})
    assert [one.stops for one in decision.findings] == [True, True, False]
    assert json.loads(decision.to_json())["verdict"] == "stop"
    with pytest.raises(DataError, match=r"2 reason(?s:.*)a/b\.json(?s:.*)s: bad\. Mend it\."):
        decision.raise_if_stopped("a/b.json")
    assert Decision.of([warning], {}).passed
    Decision.of([warning], {}).raise_if_stopped("a/b.json")


def test_limits_survive_json_and_refuse_typos():
    limits = GateLimits(min_pictures=3)
    assert GateLimits.from_mapping(json.loads(limits.to_json())) == limits
    with pytest.raises(DataError, match="'min_picture' is not known"):
        GateLimits.from_mapping({"min_picture": 3})
    with pytest.raises(DataError, match="max_caption_share = 3"):
        GateLimits(max_caption_share=3)
