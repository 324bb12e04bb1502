"""What requests may take of the server, and that it answers others meanwhile."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from pipeline.server.config import Limits, ModelConfig
from pipeline.server.model_server import ModelServer
from pipeline.server.rest import parse
from tests.pipeline.server import small_model

Code = grpc.StatusCode
PREDICT, SECONDS = "/v1/models/m:predict", 50
SLOW = {"signature_name": "slow", "instances": [1.0] * small_model.ENDLESS}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The directory of a model with version 1."""
    base = tmp_path_factory.mktemp("models") / "m"
    small_model.save(base / "1")
    return base


@pytest.fixture(scope="module")
def small(base):
    """A server of small limits."""
    limits = Limits(body_bytes=2**20, rows=1000, seconds=120, running=1, waiting=1)
    with ModelServer([ModelConfig("m", base)], poll_seconds=0, limits=limits) as running:
        yield running


@pytest.fixture(scope="module")
def channel(small):
    with grpc.insecure_channel(f"127.0.0.1:{small.grpc_port}") as opened:
        yield opened


@pytest.fixture(scope="module")
def predict(channel):
    """A function: request, seconds -> answer."""
    method = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
    return lambda request, seconds=SECONDS: method(request, timeout=seconds)


def request(signature="", **inputs):
    made = predict_pb2.PredictRequest()
    made.model_spec.name, made.model_spec.signature_name = "m", signature
    for name, value in inputs.items():
        made.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return made


def refusal(method, *arguments):
    """Code of a call that is refused."""
    with pytest.raises(grpc.RpcError) as raised:
        method(*arguments)
    return raised.value.code()


def until(is_so):
    """Waits for what comes sooner than a limit of `small` would bring it about."""
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.001)


def idle(server):
    """Waits until no request is worked on."""
    until(lambda: server._workers.queue.free == 1)


def test_one_value_stands_for_a_whole_tensor(predict):
    asked = request(text=["ab"])
    asked.inputs["text"].tensor_shape.dim[0].size = 1000
    assert tf.make_ndarray(predict(asked).outputs["length"]).tolist() == [2] * 1000


@pytest.mark.parametrize(
    ("signature", "name", "value", "shape"),
    [
        ("", "text", ["a"], [2**30]),
        ("", "text", ["a"], [2**62]),
        ("", "text", ["a"], [1001]),
        ("", "text", ["a"], [-1]),
        ("", "text", ["a" * 2000], [1000]),
        ("", "text", ["a"] * 3, [2]),
        ("same", "x", [1.0], [1, 2**30]),
        ("same", "x", [1.0], [1] * 33),
        ("same", "x", [1.0], [1, -(2**40), -(2**40)]),
    ],
)
def test_a_tensor_is_not_filled_up_beyond_the_limits(predict, signature, name, value, shape):
    asked = request(signature, **{name: np.array(value, object if name == "text" else "f4")})
    tensor = asked.inputs[name].tensor_shape
    del tensor.dim[:]
    for size in shape:
        tensor.dim.add().size = size
    assert refusal(predict, asked) == Code.INVALID_ARGUMENT


def test_a_message_that_is_none_is_refused_without_a_trace(channel, caplog):
    for service, method in (
        ("PredictionService", "Predict"),
        ("PredictionService", "GetModelMetadata"),
        ("ModelService", "GetModelStatus"),
    ):
        call = channel.unary_unary(f"/tensorflow.serving.{service}/{method}")
        with pytest.raises(grpc.RpcError) as raised:
            call(b"\xff\xff\xff", timeout=SECONDS)
        assert raised.value.code() == Code.INVALID_ARGUMENT
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "body",
    [
        {"instances": ["a"] * 1001},
        {"inputs": {"text": ["a"] * 1001}},
        {"signature_name": "same", "instances": [1.0] * 1001},
        {"signature_name": "same", "inputs": json.loads("[" * 33 + "1" + "]" * 33)},
        {"signature_name": "same", "inputs": json.loads("[" * 400 + "1" + "]" * 400)},
        {"inputs": json.loads("[" * 300 + "]" * 300)},
        {"instances": [{"text": json.loads("[" * 300 + "]" * 300)}]},
        {"instances": [[1] * 200_000]},
        {"signature_name": "a" * 500_000, "instances": ["a"]},
        b'{"signature_name": "same", "instances": [1' + b"0" * 5000 + b"]}",
        b'{"signature_name": "same", "instances": [1' + b"0" * 400 + b"]}",
        b'{"signature_name": "scale", "instances": [{"x": [1, 2], "factor": 1e999}]}',
    ],
)
def test_rows_depth_and_digits_have_limits(small, fetched, body):
    reply = fetched(small.rest_port, PREDICT, body)
    assert reply.status == 400
    assert list(reply.json) == ["error"] and len(reply.json["error"]) < 3000


def test_a_version_of_thousands_of_digits_is_refused(small, fetched):
    for digits, status in (("9" * 5000, 400), ("0" * 5000 + "1", 200), (str(2**63 - 1), 404)):
        path = f"/v1/models/m/versions/{digits}"
        assert fetched(small.rest_port, path).status == status
        if status != 200:
            assert fetched(small.rest_port, path + ":predict", {}).status == status


def test_json_of_too_many_values_is_not_read():
    assert parse(b'{"a": [1, 2]}', max_values=3) == {"a": [1, 2]}
    for body in (b'{"a": [1, 2, 3]}', b'{"a": [[], []]}', b'{"a": {"b": {}, "c": 1}}'):
        with pytest.raises(Exception, match="commas and brackets"):
            parse(body, max_values=3)


def test_a_request_that_takes_too_long_is_given_up(base, fetched):
    limits = Limits(seconds=1, running=1)
    with ModelServer([ModelConfig("m", base)], poll_seconds=0, limits=limits) as server:
        assert fetched(server.rest_port, PREDICT, SLOW).status == 504
        idle(server)
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            asked = request("slow", x=SLOW["instances"])
            assert refusal(lambda: stub.Predict(asked, timeout=SECONDS)) == Code.DEADLINE_EXCEEDED
        idle(server)


def test_a_graph_is_stopped_at_the_client_s_deadline(small, predict):
    assert refusal(predict, request("slow", x=SLOW["instances"]), 0.5) == Code.DEADLINE_EXCEEDED
    idle(small)


@pytest.fixture
def held(small, monkeypatch):
    """An event for which the model's signature `slow` waits in place of computing."""
    go = threading.Event()

    def wait(x, options):
        del options
        assert go.wait(SECONDS)
        return [x]

    with small.manager.lend("m") as servable:
        monkeypatch.setattr(servable.signatures["slow"], "_run", wait)
    yield go
    go.set()
    idle(small)


def test_other_requests_are_answered_under_load(small, fetched, predict, channel, held):
    """With one request under way and one waiting, a third is refused, and states are told."""
    replies = []

    def load():
        replies.append(fetched(small.rest_port, PREDICT, SLOW).status)

    clients = [threading.Thread(target=load) for _ in range(2)]
    for client in clients:
        client.start()
    until(lambda: small._workers.queue.waiting)
    url = f"http://127.0.0.1:{small.rest_port}{PREDICT}"
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(url, json.dumps({"instances": ["a"]}).encode(), timeout=SECONDS)
    assert (raised.value.code, raised.value.headers["Retry-After"]) == (429, "1")
    assert refusal(predict, request(text=["a"])) == Code.RESOURCE_EXHAUSTED
    assert fetched(small.rest_port, "/v1/models/m").status == 200
    assert fetched(small.rest_port, "/v1/models/m/metadata").status == 200
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "m"
    status = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus
    assert status(asked, timeout=SECONDS).model_version_status
    held.set()
    for client in clients:
        client.join()
    assert replies == [200, 200]


def test_a_request_whose_client_left_is_not_begun(small, fetched, held):
    first = threading.Thread(target=fetched, args=(small.rest_port, PREDICT, SLOW))
    first.start()
    queue = small._workers.queue
    until(lambda: not queue.free)
    body = json.dumps(SLOW).encode()
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", small.rest_port)) as client:
        client.sendall(head.encode() + body)
        until(lambda: queue.waiting)
    until(lambda: not queue.waiting)
    held.set()
    first.join()


def test_a_call_without_a_message_ends(small, channel, monkeypatch):
    monkeypatch.setattr("pipeline.server.grpc_services.BODY_SECONDS", 0.2)
    call = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
    never = threading.Event()
    silent = call.future(iter(lambda: never.wait(SECONDS), None), timeout=SECONDS)
    assert silent.code() == Code.DEADLINE_EXCEEDED and silent.details().startswith("the message")
    never.set()
    assert refusal(call, iter(())) == Code.INVALID_ARGUMENT


def reload(base, channel):
    asked = model_management_pb2.ReloadConfigRequest()
    asked.config.model_config_list.config.add(name="m", base_path=str(base))
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    return stub.HandleReloadConfigRequest(asked, timeout=SECONDS)


def test_clients_choose_no_models_unless_that_is_asked_for(base, channel):
    assert refusal(reload, base, channel) == Code.PERMISSION_DENIED


def test_clients_choose_models_of_the_served_directories_alone(base, tmp_path, fetched):
    elsewhere = small_model.save(tmp_path / "elsewhere" / "1").parent
    (base.parent / "link").symlink_to(elsewhere, target_is_directory=True)
    models = [ModelConfig("m", base)]
    with ModelServer(models, poll_seconds=0, allow_reload=True) as server:
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            for place in (
                elsewhere,
                base.parent / "link",
                f"{base.parent}/../{tmp_path.name}/elsewhere",
                "/",
                "/\0",
            ):
                assert refusal(reload, place, channel) == Code.PERMISSION_DENIED
            reload(base, channel)
        assert fetched(server.rest_port, "/v1/models/m").status == 200


def test_an_ipv6_address_is_listened_on(base):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with ModelServer([ModelConfig("m", base)], host="::1", poll_seconds=0) as server:
        url = f"http://[::1]:{server.rest_port}/v1/models/m"
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            assert answer.status == 200
        with grpc.insecure_channel(f"[::1]:{server.grpc_port}") as channel:
            grpc.channel_ready_future(channel).result(SECONDS)


def test_connections_of_grpc_have_limits_too(base):
    limits = Limits(connections=2, idle_seconds=1)
    with ModelServer([ModelConfig("m", base)], poll_seconds=0, limits=limits) as server:
        address = ("127.0.0.1", server.grpc_port)
        with socket.create_connection(address, SECONDS) as first:
            second = socket.create_connection(address, SECONDS)
            with second, socket.create_connection(address, SECONDS) as third:
                assert closed(third)
            # The settings of HTTP/2 are the last that a silent client is sent.
            assert closed(first)


def closed(client):
    """Whether the other side ends the connection; waits for it."""
    try:
        while client.recv(1000):
            pass
    except ConnectionError:
        pass
    return True
