"""The load driver judges: a wrong answer, a refusal and a failure each count as what they are."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from benchmarks.serving_clients import Failed, Refused, RestClient
from benchmarks.serving_load import Sent, drive
from benchmarks.serving_requests import Request, faults

GOOD = Request("generator", "generate", {"text": [b"a red circle"]})
BAD_ROW = Request("generator", "generate", {"text": [b"x" * 99]}, wrong="too long")
BAD = Request("generator", "nothing", {"text": [b"x"]}, wrong="no signature", refused=True)
RIGHT = {
    "image_bytes": np.array([b"\x89PNG"], object),
    "text_oov": np.array([0.125], np.float32),
    "error": np.array([b""], object),
}
WITH_ERROR = RIGHT | {"error": np.array([b"too long"], object)}


def changed(**values):
    return RIGHT | {name: np.array([value]) for name, value in values.items()}


@pytest.mark.parametrize(
    ("request_", "answer", "right", "words"),
    [
        (GOOD, changed(text_oov=0.1250001, error=""), RIGHT, ""),
        (GOOD, changed(text_oov=0.13), RIGHT, "text_oov differs"),
        (GOOD, changed(image_bytes=b"\x89PNH"), RIGHT, "image_bytes differs"),
        (GOOD, {"error": RIGHT["error"]}, RIGHT, "outputs ['error'] in place of"),
        (BAD_ROW, WITH_ERROR, WITH_ERROR, ""),
        (BAD_ROW, RIGHT, WITH_ERROR, "error differs"),
        (BAD_ROW, RIGHT, RIGHT, "too long was accepted"),
    ],
)
def test_bytes_must_be_equal_and_numbers_almost(request_, answer, right, words):
    found = faults(request_, answer, right)
    assert found.startswith(words) and bool(found) == bool(words)


def test_every_outcome_is_counted_under_its_name():
    def client(request):
        if request.refused:
            raise Refused("there is no such signature")
        if request.inputs["text"] == [b"fail"]:
            raise Failed("status 500")
        return WITH_ERROR if request.wrong else RIGHT

    refused = Request("generator", "generate", {"text": [b"fail"]})
    plan = [Sent(GOOD, RIGHT)] * 5 + [Sent(BAD_ROW, WITH_ERROR)] * 3 + [Sent(BAD, None)] * 2
    plan += [Sent(refused, RIGHT), Sent(GOOD, WITH_ERROR)]
    left = iter(plan)
    outcome = drive(lambda: client, lambda: next(left, None), concurrency=4)
    assert len(outcome.seconds) == 12 and outcome.rows == 5
    assert outcome.bad == {"too long": 3, "no signature": 2}
    assert outcome.problems == {
        "generator generate: failed (a right request): status 500": 1,
        "generator generate: error differs": 1,
    }
    assert outcome.milliseconds().keys() == {"p50", "p95", "p99"}


def test_what_must_be_refused_and_is_answered_is_a_problem():
    left = iter([Sent(BAD, None)])
    outcome = drive(lambda: lambda request: RIGHT, lambda: next(left, None), concurrency=1)
    assert outcome.problems == {"generator nothing: no signature was answered": 1}


@pytest.fixture
def server():
    """Answers each POST with the next of `answers`, and keeps what was asked."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        answers, asked = [], []

        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self.asked.append((self.path, json.loads(content)))
            status, body = self.answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    listener = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    yield listener, Handler
    listener.shutdown()
    listener.server_close()


def test_requests_are_those_of_tensorflow_serving(server):
    listener, handler = server
    outputs = {"image_bytes": [{"b64": "iVBORw=="}], "error": [""], "text_oov": [0.125]}
    handler.answers += [
        (200, json.dumps({"outputs": outputs}).encode()),
        (400, b'{"error": "no such signature"}'),
        (400, b"{}"),
        (500, b'{"error": "out of memory"}'),
        (200, b"no json"),
    ]
    client = RestClient(f"127.0.0.1:{listener.server_port}")
    request = Request("captioner", "caption_in", {"image_bytes": [b"\xff"], "language": [b"en"]})
    answer = client(request)
    assert faults(GOOD, answer, RIGHT) == ""
    path, body = handler.asked[0]
    assert path == "/v1/models/captioner:predict"
    inputs = {"image_bytes": [{"b64": "/w=="}], "language": ["en"]}
    assert body == {"signature_name": "caption_in", "inputs": inputs}
    with pytest.raises(Refused, match="no such signature"):
        client(request)
    for _ in range(3):
        with pytest.raises(Failed):
            client(request)
