"""A server under random and damaged requests stays up, answers, and says nothing of them."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tests.fuzz import grpc_inputs, http_inputs
from tests.pipeline.server import small_model

PROJECT = Path(__file__).resolve().parents[2]
LOCAL, REST_CLIENTS, GRPC_CLIENTS = "127.0.0.1", 3, 2
# An answer may wait for others; the machine may be busy besides.
PATIENCE_SECONDS = 60
MEMORY_MIB = 700
OPTIONS = "--port 0 --grpc-port 0 --max-bytes 1000000 --max-seconds 2 --max-waiting 2"
HTTP_CODES = {
    200, 400, 404, 405, 408, 411, 413, 414, 415, 417, 421, 429, 431, 501, 503, 504, 505,
}  # fmt: skip
GRPC_CODES = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
}


class Server:
    """`tuwen serve` as a process of its own.

    Attributes:
      process: it.
      rest_port, grpc_port: where it listens.
      log: the file of its standard error.
    """

    def __init__(self, directory: Path, log: Path):
        command = [sys.executable, "-m", "pipeline.cli", "serve", str(directory), *OPTIONS.split()]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=file, text=True
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if ports := re.search(r"REST: http://[^:]+:(\d+).*gRPC: [^:]+:(\d+)", line):
                self.rest_port, self.grpc_port = map(int, ports.groups())
                return
        raise AssertionError(log.read_text(encoding="utf-8"))

    def mebibytes(self) -> float:
        """The memory that it takes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (kibibytes,) = re.findall(r"VmRSS:\s+(\d+)", status)
        return int(kibibytes) / 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    small_model.save(tmp_path / "models" / "m" / "1")
    running = Server(tmp_path / "models", tmp_path / "log")
    yield running
    running.process.kill()
    running.process.wait()


class Clients:
    """Threads that send one random request after the other while entered.

    Attributes:
      answers: how often there was which.
      faults: requests that got none, or a wrong one.
    """

    def __init__(self, server: Server, seed: int):
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        self._server, self._seed, self._done = server, seed, threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(self._rest, place))
            for place in range(REST_CLIENTS)
        ]
        self._threads += [
            threading.Thread(target=self._send, args=(self._grpc, 100 + place))
            for place in range(GRPC_CLIENTS)
        ]
        self._threads.append(threading.Thread(target=self._send, args=(self._frames, 200)))

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _send(self, send: Any, place: int) -> None:
        random = Random(f"{self._seed} {place}")
        while not self._done.is_set() and not self.faults:
            send(random)

    def _count(self, answer: str, fault: str, sent: object) -> None:
        self.answers[answer] += 1
        if fault:
            self.faults.append(f"{answer}: {fault}, after {repr(sent)[:1000]}")

    def _rest(self, random: Random) -> None:
        sent = http_inputs.request(random)
        patience = PATIENCE_SECONDS if sent.is_whole else random.choice((0.01, 0.2, 2))
        status, body = exchange(self._server.rest_port, sent.content, patience)
        fault = ""
        if status is None:
            fault = "no answer" if sent.is_whole else ""
        elif status not in HTTP_CODES:
            fault = f"no proper status: {body[:500]!r}"
        elif status == 200 and sent.length is not None:
            values = json.loads(body)
            rows = values.get("predictions") or values["outputs"]["length"]
            told = [row["length"] if isinstance(row, dict) else row for row in rows]
            fault = "" if told == sent.length else f"wrong answer {told}"
        elif sent.length is not None and status not in (429, 503, 504):
            fault = f"a proper request was refused: {body[:500]!r}"
        self._count(f"REST {status}", fault, sent)

    def _grpc(self, random: Random) -> None:
        packing = random.choice((None, grpc.Compression.Gzip, grpc.Compression.Deflate))
        address = f"{LOCAL}:{self._server.grpc_port}"
        with grpc.insecure_channel(address, compression=packing) as channel:
            for _ in range(random.randrange(1, 50)):
                if not self._done.is_set():
                    self._call(channel, grpc_inputs.call(random))

    def _call(self, channel: grpc.Channel, sent: grpc_inputs.Call) -> None:
        method, code, fault = channel.stream_unary(sent.method), grpc.StatusCode.OK, ""
        try:
            answer = method(iter(sent.messages), timeout=sent.seconds)
            if sent.length is not None:
                outputs = predict_pb2.PredictResponse.FromString(answer).outputs
                told = tf.make_ndarray(outputs["length"]).tolist()
                fault = "" if told == sent.length else f"wrong answer {told}"
        except grpc.RpcError as error:
            code = error.code()
            is_refused = code in (
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                grpc.StatusCode.DEADLINE_EXCEEDED,
            )
            if code not in GRPC_CODES or (
                sent.length is not None and len(sent.messages) == 1 and not is_refused
            ):
                fault = str(error.details())
        self._count(f"gRPC {code.name}", fault, sent)

    def _frames(self, random: Random) -> None:
        with socket.create_connection((LOCAL, self._server.grpc_port), PATIENCE_SECONDS) as client:
            client.sendall(grpc_inputs.frames(random))
            self._done.wait(random.choice((0.001, 0.05)))


def exchange(port: int, content: bytes, patience: float) -> tuple[int | None, bytes]:
    """Sends bytes; returns status and body of the first answer, None if none came in time."""
    with socket.create_connection((LOCAL, port), PATIENCE_SECONDS) as client:
        client.settimeout(patience)
        received = b""
        try:
            client.sendall(content)
            while not (whole := re.match(rb"(?s)HTTP/1\.[01] (\d+) (.*?)\r\n\r\n", received)):
                part = client.recv(2**16)
                if not part:
                    return None, received
                # "100 Continue" comes before the answer.
                received = re.sub(rb"^HTTP/1.1 100 .*\r\n\r\n", b"", received + part)
            length = re.search(rb"(?i)content-length: (\d+)", whole[2])
            size = whole.end() + int(length[1] if length else 0)
            while len(received) < size and (part := client.recv(2**16)):
                received += part
        except OSError:
            return None, received
    return int(whole[1]), received[whole.end() : size]


def test_a_server_bears_whatever_is_sent(server, fuzz_seconds, fuzz_seed, capsys):
    start, states = time.monotonic(), 0
    before = server.mebibytes()
    largest, slowest = before, 0.0
    with Clients(server, fuzz_seed) as clients:
        while time.monotonic() < start + fuzz_seconds and not clients.faults:
            asked = time.monotonic()
            url = f"http://{LOCAL}:{server.rest_port}/v1/models/m"
            assert requests.get(url, timeout=PATIENCE_SECONDS).status_code == 200
            slowest = max(slowest, time.monotonic() - asked)
            states += 1
            largest = max(largest, server.mebibytes())
            time.sleep(0.1)
    log = server.log.read_text(encoding="utf-8", errors="replace")
    with capsys.disabled():
        print(
            f"\nfuzz of {fuzz_seconds:g} s, seed {fuzz_seed}: {sum(clients.answers.values())} "
            f"requests, {dict(sorted(clients.answers.items()))}; {states} states, the slowest in "
            f"{slowest:.2f} s; memory {before:.0f} MiB before, {largest:.0f} MiB at most"
        )
    assert clients.faults == []
    assert server.process.poll() is None
    assert "Traceback" not in log, log[-3000:]
    assert "\x1b" not in log
    assert log.count("\n") < 20, log[-3000:]
    assert largest < before + MEMORY_MIB
    assert {"REST 200", "REST 400", "gRPC OK", "gRPC INVALID_ARGUMENT"} <= set(clients.answers)
