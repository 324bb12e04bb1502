"""A version that is pushed under load takes over without a failed request."""

from __future__ import annotations

import shutil
import threading
import time

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from pipeline.commands.rollback import roll_back
from pipeline.server import servables as manager_module
from pipeline.server.config import ModelConfig
from pipeline.server.model_server import ModelServer
from pipeline.work_dir import WorkDir

CLIENTS, DEADLINE_SECONDS = 3, 240


@pytest.fixture
def base(tmp_path, pushed):
    """A model's directory with version 1."""
    shutil.copytree(pushed / "generator" / "1", tmp_path / "generator" / "1")
    return tmp_path / "generator"


def push(base, version):
    """Copies version 1 under another number, file by file, as a slow pipeline would."""
    shutil.copytree(base / "1", base / str(version))


class Load:
    """Clients that ask for one picture again and again while entered.

    Attributes:
      versions: that have answered.
      pictures: that were answered.
      failures: errors and refusals.
    """

    def __init__(self, server, fetched):
        self.versions, self.pictures, self.failures = set(), set(), []
        self._server, self._fetched, self._done = server, fetched, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._ask_rest))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()

    def until_it_ends(self, version):
        """Returns some requests after the server has closed a version."""
        end = time.monotonic() + DEADLINE_SECONDS
        while self._server.manager.known().get(("generator", version)).state != "END":
            assert time.monotonic() < end, self._server.manager.known()
            time.sleep(0.05)
        time.sleep(0.2)

    def _ask(self):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "generator"
        request.inputs["text"].CopyFrom(tf.make_tensor_proto(["a red circle"]))
        with grpc.insecure_channel(f"127.0.0.1:{self._server.grpc_port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not self._done.is_set():
                try:
                    answer = stub.Predict(request, timeout=DEADLINE_SECONDS)
                    self.versions.add(answer.model_spec.version.value)
                    self.pictures.add(answer.outputs["image_bytes"].string_val[0])
                except grpc.RpcError as error:
                    self.failures.append(error)

    def _ask_rest(self):
        asked = "/v1/models/generator:predict", {"instances": ["a red circle"]}
        while not self._done.is_set():
            reply = self._fetched(self._server.rest_port, *asked)
            if reply.status != 200:
                self.failures.append(reply)


def test_no_request_fails_while_a_version_takes_over(base, fetched):
    with (
        ModelServer([ModelConfig("generator", base)], poll_seconds=0.05) as server,
        Load(server, fetched) as load,
    ):
        push(base, 2)
        load.until_it_ends(1)
    assert load.failures == []
    assert load.versions == {1, 2}
    assert len(load.pictures) == 1


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


def test_no_request_fails_while_a_model_is_rolled_back(base, fetched, monkeypatch):
    """The version before comes back from memory, and no request ends in an error."""
    serving = base.parent / "serving"
    serving.mkdir()
    base = base.rename(serving / "generator")
    loaded = []
    real = manager_module.Servable
    monkeypatch.setattr(
        manager_module, "Servable", lambda *given: loaded.append(given[1]) or real(*given)
    )
    with (
        ModelServer([ModelConfig("generator", base)], poll_seconds=0.05) as server,
        Load(server, fetched) as load,
    ):
        push(base, 2)
        (base / "2" / "fingerprint.pb").write_bytes(b"another model")
        load.until_it_ends(1)
        start = time.monotonic()
        back = roll_back("generator", WorkDir(base.parents[1]))
        spent = time.monotonic() - start
        load.until_it_ends(2)
    assert load.failures == []
    assert load.versions == {1, 2, back.version}
    assert back.restored == 1 and spent < 1
    assert loaded == [1, 2]
