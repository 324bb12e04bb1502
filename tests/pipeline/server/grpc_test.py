"""The gRPC interface: filters, metadata, states, and how it refuses what is malformed."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as opened:
        yield opened


@pytest.fixture(scope="module")
def predictions(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def request(model="generator", signature="", **inputs):
    """A PredictRequest."""
    made = predict_pb2.PredictRequest()
    made.model_spec.name, made.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        made.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return made


def refusal(method, message):
    """Code and details of a call that is refused."""
    with pytest.raises(grpc.RpcError) as raised:
        method(message, timeout=60)
    return raised.value.code(), raised.value.details()


def test_an_output_filter_leaves_out_the_others(predictions):
    asked = request(text=["a red circle"])
    asked.output_filter.append("text_oov")
    assert list(predictions.Predict(asked, timeout=60).outputs) == ["text_oov"]
    asked.output_filter[0] = "picture"
    code, details = refusal(predictions.Predict, asked)
    assert code == Code.INVALID_ARGUMENT
    assert "picture" in details and "image_bytes" in details


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (request(""), Code.INVALID_ARGUMENT, "Missing ModelSpec"),
        (request("painter", text=["a"]), Code.NOT_FOUND, "Latest(painter)"),
        (request(signature="draw", text=["a"]), Code.INVALID_ARGUMENT, '"draw" not found'),
        (request(), Code.INVALID_ARGUMENT, "Missing but required: {text}"),
        (request(text=["a"], seed=[1]), Code.INVALID_ARGUMENT, "Sent extra: {seed}"),
        (request(text=[1.0]), Code.INVALID_ARGUMENT, "text is float32, but string"),
        (request(text=[["a"]]), Code.INVALID_ARGUMENT, "shape [1, 1], but ['?']"),
    ],
)
def test_what_is_malformed_is_refused_with_a_reason(predictions, asked, code, said):
    found, details = refusal(predictions.Predict, asked)
    assert found == code
    assert said in details


def test_a_tensor_whose_shape_belies_its_values_is_refused(predictions):
    asked = request(text=["a"])
    asked.inputs["text"].string_val.append(b"b")
    code, details = refusal(predictions.Predict, asked)
    assert code == Code.INVALID_ARGUMENT
    assert "input text is no tensor" in details


def test_a_huge_message_is_refused_and_the_server_goes_on(predictions):
    code, details = refusal(predictions.Predict, request(text=[b"x" * (2**20 + 1)]))
    assert code == Code.RESOURCE_EXHAUSTED
    assert "larger than max" in details
    assert predictions.Predict(request(text=["a"]), timeout=60).outputs


def test_what_is_not_served_says_so(predictions):
    asked = classification_pb2.ClassificationRequest()
    assert refusal(predictions.Classify, asked)[0] == Code.UNIMPLEMENTED


def test_metadata_holds_the_signatures(predictions):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "captioner"
    told = predictions.GetModelMetadata(asked, timeout=60)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert told.metadata["signature_def"].Unpack(found)
    assert "attention" in found.signature_def["explain"].outputs
    assert told.model_spec.version.value == 1
    asked.metadata_field[0] = "weights"
    assert refusal(predictions.GetModelMetadata, asked)[0] == Code.INVALID_ARGUMENT


def test_status_tells_version_and_state(models):
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "encoder"
    (one,) = models.GetModelStatus(asked, timeout=60).model_version_status
    assert (one.version, one.State.Name(one.state), one.status.error_code) == (1, "AVAILABLE", 0)
    asked.model_spec.version.value = 9
    assert refusal(models.GetModelStatus, asked)[0] == Code.NOT_FOUND


def test_another_config_is_taken_and_a_wrong_one_refused(models, predictions, pushed):
    asked = model_management_pb2.ReloadConfigRequest()
    for name in ("encoder", "captioner", "generator"):
        one = asked.config.model_config_list.config.add(name=name, base_path=str(pushed / name))
    one.version_labels["stable"] = 1
    models.HandleReloadConfigRequest(asked, timeout=60)
    labelled = request(text=np.array(["a"]))
    labelled.model_spec.version_label = "stable"
    assert predictions.Predict(labelled, timeout=60).model_spec.version.value == 1
    labelled.model_spec.version_label = "canary"
    assert refusal(predictions.Predict, labelled)[0] == Code.INVALID_ARGUMENT
    one.base_path = "relative"
    code, details = refusal(models.HandleReloadConfigRequest, asked)
    assert (code, "absolute base_path" in details) == (Code.INVALID_ARGUMENT, True)
