"""Over REST and gRPC every signature answers what the SavedModel answers in this process."""

from __future__ import annotations

import base64

import grpc
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from components.serving_check.contract import CONTRACT
from data import schema

SIGNATURES = [(model, name) for model in CONTRACT for name in CONTRACT[model]]


def example(picture, caption):
    """A serialized tf.Example of the captioned-image contract."""
    values = {schema.IMAGE_ENCODED: picture, schema.CAPTION_TEXT: caption.encode()}
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in values.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module")
def inputs(picture):
    """Two rows of every input that any signature takes."""
    texts = ["A red circle, above a blue square.", "一个红色的圆形 🙂"]
    return {
        "text": np.array([text.encode() for text in texts], object),
        "other_text": np.array([text.encode() for text in texts[::-1]], object),
        "seed": np.array([3, 2**40], np.int64),
        "other_seed": np.array([-1, 0], np.int64),
        "truncation": np.array([1, 0.7], np.float32),
        "share": np.array([0.3, 1], np.float32),
        "image_bytes": np.array(
            [picture, tf.io.encode_jpeg(np.zeros((9, 9, 3), np.uint8)).numpy()]
        ),
        "language": np.array([b"zh", b"en-GB"], object),
        "examples": np.array([example(picture, texts[0]), example(picture, texts[1])], object),
    }


@pytest.fixture(scope="module")
def loaded(pushed):
    return {model: tf.saved_model.load(str(pushed / model / "1")) for model in CONTRACT}


@pytest.fixture(scope="module", params=SIGNATURES, ids="-".join)
def asked(request, loaded, inputs):
    """Model, signature, its inputs, and the answer in this process."""
    model, name = request.param
    tensors = {key: inputs[key] for key in CONTRACT[model][name].inputs}
    answer = loaded[model].signatures[name](**{k: tf.constant(v) for k, v in tensors.items()})
    return model, name, tensors, {key: value.numpy() for key, value in answer.items()}


def as_json(name, value):
    """One value of an input."""
    if name in ("image_bytes", "examples"):
        return {"b64": base64.b64encode(value).decode()}
    return value.decode() if isinstance(value, bytes) else value.item()


def assert_same(found, wanted):
    """Equal names, bytes and texts; numbers up to what other orders of adding change."""
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        if value.dtype == object:
            assert np.array_equal(found[name], value), name
        else:
            np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def from_json(name, values):
    """Nested lists of an output as an array like that of the model."""
    if name.endswith("_bytes"):
        values = [base64.b64decode(value["b64"]) for value in values]
    array = np.array(values)
    return np.char.encode(array, "utf-8").astype(object) if array.dtype.kind == "U" else array


def test_in_rows(call, asked):
    model, name, tensors, wanted = asked
    rows = [
        {key: as_json(key, value) for key, value in zip(tensors, row, strict=True)}
        for row in zip(*tensors.values(), strict=True)
    ]
    reply = call(f"/v1/models/{model}:predict", {"signature_name": name, "instances": rows})
    assert reply.status == 200, reply.json
    answers = reply.json["predictions"]
    if len(wanted) == 1:
        answers = [{next(iter(wanted)): answer} for answer in answers]
    assert_same({key: from_json(key, [row[key] for row in answers]) for key in wanted}, wanted)


def test_in_columns(call, asked):
    model, name, tensors, wanted = asked
    columns = {key: [as_json(key, value) for value in values] for key, values in tensors.items()}
    reply = call(
        f"/v1/models/{model}/versions/1:predict", {"signature_name": name, "inputs": columns}
    )
    assert reply.status == 200, reply.json
    answers = reply.json["outputs"]
    if len(wanted) == 1:
        answers = {next(iter(wanted)): answers}
    assert_same({key: from_json(key, answers[key]) for key in wanted}, wanted)


def test_over_grpc(server, asked):
    model, name, tensors, wanted = asked
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, name
    for key, value in tensors.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        response = stub.Predict(request, timeout=60)
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == name
    assert_same({key: tf.make_ndarray(value) for key, value in response.outputs.items()}, wanted)
