"""Rows of one request: none, bad ones, too few of one input; no row changes another's answer."""

import numpy as np
import pytest
import tensorflow as tf

from data import schema
from tests.trainer.export.contract import CASES, CONTRACT, ask
from trainer.config import STAGES


def inputs_of(stage, signature, pictures, scenes, rows):
    """A good request of some rows."""
    examples = [schema.to_example(scene).SerializeToString() for scene in scenes["val"]]
    columns = {
        "image_bytes": pictures,
        "examples": examples,
        "text": ["a red circle", "一个红色的圆形", ""],
        "other_text": ["a blue square"],
        "language": ["en", "zh"],
        "seed": np.arange(rows),
        "other_seed": np.arange(rows) + 7,
        "truncation": np.linspace(0.5, 1, rows, dtype=np.float32),
        "share": np.linspace(0, 1, rows, dtype=np.float32),
    }
    names = CONTRACT[stage][signature][0]
    return {
        name: [columns[name][row % len(columns[name])] for row in range(rows)] for name in names
    }


BROKEN = {
    "image_bytes": {
        b"": "the field is empty",
        b"not a picture": "neither a PNG nor a JPEG",
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00;": "neither a PNG nor a JPEG",
        b"\xff\xd8\xffnor this": "cannot be decoded",
        b"\x89PNG\r\n\x1a\n": "cannot be decoded",
    },
    "text": {b"red circle " * 1500: "longer than 16384 bytes"},
    "other_text": {b"x" * 16385: "longer than 16384 bytes"},
    "examples": {b"\xff\xff": "no serialized tf.Example"},
    "truncation": {
        -0.1: "truncation must be a number from 0 to 2",
        float("nan"): "truncation must be",
        float("inf"): "truncation must be",
    },
    "share": {1.01: "share must be a number from 0 to 1"},
}


@pytest.mark.parametrize(("stage", "signature"), CASES)
def test_a_bad_row_gets_an_error_and_nothing_else_and_its_neighbours_are_as_without_it(
    served, pictures, scenes, stage, signature
):
    good = inputs_of(stage, signature, pictures, scenes, rows=2)
    alone = ask(served(stage), signature, **good)
    assert alone["error"].tolist() == [b"", b""]
    for name in good.keys() & BROKEN.keys():
        for junk, words in BROKEN[name].items():
            changed = {key: [column[0], column[0], column[1]] for key, column in good.items()}
            changed[name] = [good[name][0], junk, good[name][1]]
            answer = ask(served(stage), signature, **changed)
            errors = [error.decode() for error in answer.pop("error")]
            assert words in errors[1] and errors == ["", errors[1], ""]
            for key, value in answer.items():
                assert not value[1].any() if isinstance(value[1], np.ndarray) else not value[1]
                np.testing.assert_array_equal(value[[0, 2]], alone[key], f"{signature} {key}")


@pytest.mark.parametrize(("stage", "signature"), CASES)
def test_every_signature_answers_no_rows_with_no_rows(served, stage, signature):
    inputs, outputs = CONTRACT[stage][signature]
    nothing = {key: tf.zeros([0], spec.split()[0]) for key, spec in inputs.items()}
    answer = served(stage).signatures[signature](**nothing)
    assert {key: value.shape[0] for key, value in answer.items()} == dict.fromkeys(outputs, 0)


@pytest.mark.debian13
@pytest.mark.parametrize(
    ("stage", "signature"),
    [case for case in CASES if len(CONTRACT[case[0]][case[1]][0]) > 1],
)
def test_inputs_of_unequal_lengths_are_an_invalid_argument(
    served, pictures, scenes, stage, signature
):
    for name in CONTRACT[stage][signature][0]:
        inputs = inputs_of(stage, signature, pictures, scenes, rows=2)
        inputs[name] = inputs[name][:1]
        with pytest.raises(tf.errors.InvalidArgumentError, match="same number of rows"):
            ask(served(stage), signature, **inputs)


@pytest.mark.debian13
@pytest.mark.processor
@pytest.mark.parametrize(("stage", "signature"), CASES)
def test_an_answer_is_the_same_to_the_bit_whatever_its_batch(
    served, pictures, scenes, stage, signature
):
    inputs = inputs_of(stage, signature, pictures, scenes, rows=7)
    together = ask(served(stage), signature, **inputs)
    backwards = ask(served(stage), signature, **{k: v[::-1] for k, v in inputs.items()})
    for key, value in together.items():
        np.testing.assert_array_equal(value[::-1], backwards[key], key)
    for row in (0, 3, 6):
        alone = ask(served(stage), signature, **{k: v[row : row + 1] for k, v in inputs.items()})
        for key, value in together.items():
            np.testing.assert_array_equal(value[row : row + 1], alone[key], key)


@pytest.mark.parametrize("stage", STAGES)
def test_an_example_without_its_feature_is_an_error_or_empty(served, stage):
    """No picture cannot be answered; no caption is an empty one."""
    nothing = tf.train.Example().SerializeToString()
    answer = ask(served(stage), "examples", examples=[nothing])
    if stage == "generator":
        expected = ask(served(stage), "serving_default", text=[""])
        np.testing.assert_array_equal(answer["image_bytes"], expected["image_bytes"])
        assert answer["error"].tolist() == [b""]
        return
    assert answer["error"].tolist() == [b"there is no picture: the field is empty"]
