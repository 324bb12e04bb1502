"""A version that is pushed under load takes over without a failed request."""

from __future__ import annotations

import shutil
import threading
import time

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from pipeline.model_server.config import ModelConfig
from pipeline.model_server.server import ModelServer
from pipeline.rollback import roll_back
from pipeline.work_dir import WorkDir

CLIENTS, DEADLINE_SECONDS = 3, 60


@pytest.fixture
def base(tmp_path, pushed):
    """A model's directory with version 1."""
    shutil.copytree(pushed / "generator" / "1", tmp_path / "generator" / "1")
    return tmp_path / "generator"


def push(base, version):
    """Copies version 1 under another number, file by file, as a slow pipeline would."""
    shutil.copytree(base / "1", base / str(version))


def test_no_request_fails_while_a_version_takes_over(base, fetched):
    versions, failures, done = set(), [], threading.Event()
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "generator"
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(["a red circle"]))

    def ask(port):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not done.is_set():
                try:
                    answer = stub.Predict(request, timeout=DEADLINE_SECONDS)
                    versions.add(answer.model_spec.version.value)
                    pictures.add(answer.outputs["image_bytes"].string_val[0])
                except grpc.RpcError as error:
                    failures.append(error)

    def ask_rest(port):
        while not done.is_set():
            reply = fetched(port, "/v1/models/generator:predict", {"instances": ["a red circle"]})
            if reply.status != 200:
                failures.append(reply)

    pictures = set()
    with ModelServer([ModelConfig("generator", base)], poll_seconds=0.05) as server:
        threads = [threading.Thread(target=ask, args=[server.grpc_port]) for _ in range(CLIENTS)]
        threads.append(threading.Thread(target=ask_rest, args=[server.rest_port]))
        for thread in threads:
            thread.start()
        push(base, 2)
        end = time.monotonic() + DEADLINE_SECONDS
        while server.manager.known().get(("generator", 1)).state != "END":
            assert time.monotonic() < end, server.manager.known()
            time.sleep(0.05)
        time.sleep(0.2)
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert versions == {1, 2}
    assert len(pictures) == 1


def test_a_broken_warm_up_keeps_a_version_from_traffic(base):
    with ModelServer([ModelConfig("generator", base)], poll_seconds=0) as server:
        push(base, 2)
        warmup = base / "2" / "assets.extra" / "tf_serving_warmup_requests"
        with tf.io.TFRecordWriter(str(warmup)) as writer:
            writer.write(b"\xff no PredictionLog")
        server.manager.update()
        known = server.manager.known()
        assert known["generator", 2].error
        assert known["generator", 1].state == "AVAILABLE"


def test_no_request_fails_while_a_model_is_rolled_back(base, fetched):
    """Two versions are pushed, the second is served; its requests never end in an error."""
    push(base, 2)
    versions, failures, done = [], [], threading.Event()
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "generator"
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(["a red circle"]))

    def ask(port):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not done.is_set():
                try:
                    answer = stub.Predict(request, timeout=DEADLINE_SECONDS)
                    versions.append(answer.model_spec.version.value)
                except grpc.RpcError as error:
                    failures.append(error)

    serving = base.parent / "serving"
    serving.mkdir()
    base = base.rename(serving / "generator")
    with ModelServer([ModelConfig("generator", base)], poll_seconds=0.05) as server:
        threads = [threading.Thread(target=ask, args=[server.grpc_port]) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        start = time.monotonic()
        back = roll_back("generator", WorkDir(base.parents[1]))
        spent = time.monotonic() - start
        end = time.monotonic() + DEADLINE_SECONDS
        while server.manager.known().get(("generator", 2)).state != "END":
            assert time.monotonic() < end, server.manager.known()
            time.sleep(0.05)
        time.sleep(0.2)
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert set(versions) == {2, back.version}
    assert back.restored == 1 and spent < 1
