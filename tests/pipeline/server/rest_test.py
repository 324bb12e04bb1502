"""The REST interface: status, metadata, and how it refuses what is malformed."""

from __future__ import annotations

import http.client
import json

import pytest
import requests

CAPTIONER, GENERATOR = "/v1/models/captioner:predict", "/v1/models/generator:predict"
TEXT = {"inputs": {"text": ["a red circle"]}}


def test_status_tells_version_and_state(call):
    (one,) = call("/v1/models/generator").json["model_version_status"]
    healthy = {"error_code": "OK", "error_message": ""}
    assert one == {"version": "1", "state": "AVAILABLE", "status": healthy}
    assert call("/v1/models/generator/versions/1").json["model_version_status"] == [one]


def test_metadata_tells_every_signature(call):
    told = call("/v1/models/generator/metadata").json
    assert told["model_spec"] == {"name": "generator", "signature_name": "", "version": "1"}
    signatures = told["metadata"]["signature_def"]["signature_def"]
    assert {"serving_default", "generate", "interpolate", "examples"} <= set(signatures)
    seed = signatures["generate"]["inputs"]["seed"]
    assert seed["dtype"] == "DT_INT64"
    assert seed["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]
    assert signatures["generate"]["method_name"] == "tensorflow/serving/predict"


def test_a_single_input_needs_no_name(call):
    named = call(GENERATOR, TEXT)
    assert call(GENERATOR, {"inputs": ["a red circle"]}) == named
    assert call(GENERATOR, {"instances": ["a red circle"]}).json["predictions"] == [
        {key: values[0] for key, values in named.json["outputs"].items()}
    ]
    assert named.status == 200


def test_a_bare_picture_is_taken_in_rows(call, encoded):
    bare = call(CAPTIONER, {"instances": [encoded]})
    assert bare.status == 200
    assert bare == call(CAPTIONER, {"instances": [{"image_bytes": encoded}]})


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (GENERATOR, b"", 400, "JSON Parse error"),
        (GENERATOR, b'{"inputs": ', 400, "JSON Parse error"),
        (GENERATOR, b"\xff\xfe\x00", 400, "JSON Parse error"),
        (GENERATOR, b"[" * 100_000, 400, "JSON Parse error"),
        (GENERATOR, [1], 400, "Is not object"),
        (GENERATOR, {}, 400, "Missing 'inputs' or 'instances' key"),
        (GENERATOR, {"inputs": ["a"], "instances": ["a"]}, 400, "only one of"),
        (GENERATOR, {"instances": "a"}, 400, "to be a list"),
        (GENERATOR, {"instances": []}, 400, "No values in 'instances'"),
        (GENERATOR, {"instances": [7]}, 400, "is not of expected type: string"),
        (GENERATOR, {"instances": ["a", ["b"]]}, 400, "expected"),
        (GENERATOR, {"instances": [["a"], ["b"]]}, 400, "shape [2, 1]"),
        (GENERATOR, {"instances": [{"text": "a"}, "b"]}, 400, "got value or list at item 1"),
        (GENERATOR, {"instances": [{"text": "a", "x": 1}]}, 400, "must be equal to: text"),
        (GENERATOR, {"inputs": {"txt": ["a"]}}, 400, "Missing named input: text"),
        (GENERATOR, {"inputs": {"text": "a"}}, 400, "has shape []"),
        (GENERATOR, {**TEXT, "signature_name": 3}, 400, "must be a string value"),
        (GENERATOR, {**TEXT, "signature_name": "draw"}, 400, 'name: "draw" not found'),
        (GENERATOR, {"inputs": {"text": ["\ud800"]}}, 400, "no valid Unicode"),
        (CAPTIONER, {"instances": [{"b64": "@@@"}]}, 400, "Unable to base64 decode"),
        (CAPTIONER, {"instances": [{"b64": 5}]}, 400, "base64"),
        ("/v1/models/painter:predict", TEXT, 404, "Latest(painter)"),
        ("/v1/models/generator/versions/9:predict", TEXT, 404, "Specific(generator, 9)"),
        (f"/v1/models/generator/versions/{2**63}:predict", TEXT, 400, "convert version"),
        ("/v1/models/generator/labels/new:predict", TEXT, 400, "version label: new"),
        ("/v1/models/generator:classify", TEXT, 501, "only predict"),
        ("/v1/models/generator:paint", TEXT, 400, "Malformed request: POST"),
        ("/v1/models/painter", None, 404, "any versions of model painter"),
        ("/v1/models/generator/versions/9", None, 404, "version 9 of model generator"),
        ("/v1/models/painter/metadata", None, 404, "Latest(painter)"),
        ("/v2/health", None, 400, "Malformed request: GET"),
    ],
)
def test_what_is_malformed_is_refused_with_a_reason(call, path, body, status, said):
    reply = call(path, body)
    assert reply.status == status
    assert list(reply.json) == ["error"]
    assert said in reply.json["error"]
    assert "[[" not in reply.json["error"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": [1.5]}, "input seed: JSON Value: 1.5 is not of expected type: int64"),
        ({"seed": ["1"]}, "not of expected type: int64"),
        ({"seed": [True]}, "not of expected type: int64"),
        ({"seed": [2**63]}, "not of expected type: int64"),
        ({"truncation": ["1"]}, "not of expected type: float32"),
        ({"truncation": [1e39]}, "not of expected type: float32"),
        ({"truncation": None}, "input truncation"),
    ],
)
def test_a_wrong_type_is_named(call, change, said):
    inputs = {"text": ["a"], "seed": [1], "truncation": [1], **change}
    reply = call(GENERATOR, {"signature_name": "generate", "inputs": inputs})
    assert reply.status == 400
    assert said in reply.json["error"]


def test_a_plain_list_cannot_stand_for_several_inputs(call):
    for key in ("inputs", "instances"):
        reply = call(GENERATOR, {"signature_name": "generate", key: ["a"]})
        assert reply.status == 400
        assert "seed, text, truncation" in reply.json["error"]


def test_a_huge_body_is_refused_and_the_server_goes_on(server, call):
    url = f"http://127.0.0.1:{server.rest_port}{GENERATOR}"
    answer = requests.post(url, data=b"x" * (2**20 + 1), timeout=60)
    assert answer.status_code == 413
    assert "larger than 1048576 bytes" in answer.json()["error"]
    assert call(GENERATOR, TEXT).status == 200


def test_a_client_that_hangs_up_does_no_harm(server, call):
    for _ in range(3):
        connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
        connection.request("POST", GENERATOR, json.dumps(TEXT))
        connection.close()
    assert call(GENERATOR, TEXT).status == 200
