"""One loaded model: what it takes, what its graph refuses, and how it is warmed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from pipeline.server.errors import Code, ServingError
from pipeline.server.http_requests import Deadline, DeadlineExceeded
from pipeline.server.servables import BLOCK, WARMUP, Servable, content_of
from trainer.export.layout import SIDECAR


class Module(tf.Module):
    """Halves rows of two numbers, counts its runs, and refuses negative ones."""

    def __init__(self):
        super().__init__()
        self.runs = tf.Variable(0)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def halve(self, x):
        refusal = tf.debugging.Assert(tf.reduce_all(x >= 0), ["a number is negative"])
        with tf.control_dependencies([refusal]):
            return {"half": x / 2, "runs": self.runs.assign_add(1)}


@pytest.fixture
def directory(tmp_path):
    module = Module()
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.halve})
    return tmp_path


@pytest.fixture
def servable(directory):
    loaded = Servable("m", 1, directory)
    yield loaded
    loaded.close()


def write_warmup(directory, value):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.inputs["x"].CopyFrom(tf.make_tensor_proto(value, tf.float32))
    (directory / WARMUP).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(directory / WARMUP)) as writer:
        writer.write(log.SerializeToString())


def test_a_signature_runs(servable):
    answer = servable.signature("")({"x": np.array([[1, 3]], np.float32)})
    np.testing.assert_array_equal(answer["half"], [[0.5, 1.5]])
    assert answer["runs"] == 1


def test_what_the_graph_refuses_is_told_without_its_nodes(servable):
    with pytest.raises(ServingError) as raised:
        servable.signature("serving_default")({"x": np.array([[1, -3]], np.float32)})
    assert raised.value.code == Code.INVALID_ARGUMENT
    assert "a number is negative" in raised.value.message
    assert "node" not in raised.value.message
    assert raised.value.http_status == 400


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({}, "Missing but required: {x}"),
        ({"x": np.zeros((1, 2), np.float32), "y": np.zeros(1)}, "Sent extra: {y}"),
        ({"x": np.zeros((1, 2))}, "x is float64, but float32 is expected"),
        ({"x": np.zeros((1, 3), np.float32)}, r"has shape \[1, 3\], but \['\?', 2\]"),
    ],
)
def test_other_tensors_are_refused(servable, tensors, said):
    with pytest.raises(ServingError, match=said):
        servable.signature("")(tensors)


def test_warm_up_requests_are_run_before_the_first_client_s(directory):
    write_warmup(directory, [[1, 1]])
    loaded = Servable("m", 1, directory)
    assert loaded.signature("")({"x": np.zeros((1, 2), np.float32)})["runs"] == 2
    loaded.close()


def test_a_model_whose_warm_up_fails_is_not_loaded(directory):
    write_warmup(directory, [[-1, 1]])
    with pytest.raises(ServingError, match="a number is negative"):
        Servable("m", 1, directory)


def test_a_directory_without_a_model_is_not_loaded(tmp_path):
    with pytest.raises(OSError):
        Servable("m", 1, tmp_path)


class Rows(tf.Module):
    """Tells of each row how many it was run with, and a text without rows."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def count(self, x):
        return {"rows": tf.fill(tf.shape(x), tf.size(x)), "x": x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def text(self, x):
        return {"text": tf.strings.as_string(tf.reduce_sum(x))}


@pytest.fixture
def rows(tmp_path):
    module = Rows()
    signatures = {"count": module.count, "text": module.text}
    tf.saved_model.save(module, str(tmp_path), signatures=signatures)
    return tmp_path


def test_many_rows_of_the_project_s_models_are_run_in_blocks(rows):
    (rows / SIDECAR).mkdir(parents=True)
    loaded = Servable("m", 1, rows)
    x = np.arange(2 * BLOCK + 3, dtype=np.float32)
    answer = loaded.signature("count")({"x": x}, Deadline(60))
    assert answer["rows"].tolist() == [BLOCK] * (2 * BLOCK) + [3] * 3
    np.testing.assert_array_equal(answer["x"], x)
    deadline, runs = Deadline(60), []
    signature = loaded.signature("count")
    real = signature._run

    def run(*tensors, **options):
        runs.append(len(tensors[0]))
        deadline.cancel()
        return real(*tensors, **options)

    signature._run = run
    with pytest.raises(DeadlineExceeded):
        signature({"x": x}, deadline)
    assert runs == [BLOCK]
    loaded.close()


def test_rows_of_other_models_are_run_together(rows):
    loaded = Servable("m", 1, rows)
    x = np.zeros(BLOCK + 1, np.float32)
    answer = loaded.signature("count")({"x": x}, Deadline(60))
    assert set(answer["rows"]) == {BLOCK + 1}
    loaded.close()


def test_an_output_of_a_single_text_is_an_array(rows):
    loaded = Servable("m", 1, rows)
    (text,) = loaded.signature("text")({"x": np.ones(2, np.float32)}).values()
    assert (text.shape, text[()]) == ((), b"2.000000")
    loaded.close()


@pytest.mark.parametrize("name", ["a[b]c", "a*", "a?b{c}", "a\\b"])
def test_a_directory_with_characters_of_patterns_is_read(tmp_path, directory, name):
    place = tmp_path / "place" / name / "1"
    place.parent.mkdir(parents=True)
    module = Module()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"x": module.halve})
    (tmp_path / "saved").rename(place)
    loaded = Servable("m", 1, place)
    assert loaded.signature("x")({"x": np.zeros((1, 2), np.float32)})["runs"] == 1
    loaded.close()


@pytest.mark.parametrize(
    "name",
    ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"],
)
def test_a_model_whose_files_are_cut_short_is_not_loaded(directory, name):
    content = (directory / name).read_bytes()
    for size in (0, len(content) // 2):
        (directory / name).write_bytes(content[:size])
        with pytest.raises(Exception):  # noqa: B017  (TensorFlow has a dozen for it)
            Servable("m", 1, directory)


def test_content_is_what_tensorflow_reads_and_not_where_it_came_from(directory):
    before = content_of(directory)
    (directory / SIDECAR).mkdir(parents=True)
    (directory / SIDECAR / "rollback.json").write_text("{}", encoding="utf-8")
    assert content_of(directory) == before
    write_warmup(directory, 3)
    warmed = content_of(directory)
    (directory / "fingerprint.pb").rename(directory / "fingerprint2.pb")
    assert len({before, warmed, content_of(directory)}) == 3
