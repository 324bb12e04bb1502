"""What Prometheus reads."""

from __future__ import annotations

import re
import urllib.request

from pipeline.server.metrics import PATH, Metrics

LINE = re.compile(r"^([a-zA-Z_:][\w:]*)\{(.*)\} (\S+)$")


def samples(page):
    """Values by name and labels, as they stand on the page; every other line is a comment."""
    found = {}
    for line in page.decode().splitlines():
        if not line.startswith("#"):
            name, labels, value = LINE.match(line).groups()
            found[name, labels] = float(value)
    return found


def test_requests_are_counted_by_model_and_status():
    metrics = Metrics()
    metrics.request("generator", "OK", "REST", 0.001)
    metrics.request("generator", "OK", "GRPC", 0.001)
    metrics.request("generator", "NOT_FOUND", "REST", 0.001)
    found = samples(metrics.page())
    count = ":tensorflow:serving:request_count"
    assert found[count, 'model_name="generator",status="OK"'] == 2
    assert found[count, 'model_name="generator",status="NOT_FOUND"'] == 1
    assert b"# TYPE :tensorflow:serving:request_count counter\n" in metrics.page()


def test_latencies_are_cumulative_histograms_in_microseconds():
    metrics = Metrics()
    for seconds in (5e-6, 15e-6, 15e-6, 1e9):
        metrics.run("captioner", seconds)
    found = samples(metrics.page())
    labels = 'model_name="captioner",API="Predict",runtime="TF1"'
    name = ":tensorflow:serving:runtime_latency"
    bucket = [found[f"{name}_bucket", f'{labels},le="{edge}"'] for edge in ("10", "18", "+Inf")]
    assert bucket == [1, 3, 4]
    assert found[f"{name}_count", labels] == 4
    assert found[f"{name}_sum", labels] == 1e15


def test_labels_are_escaped():
    metrics = Metrics()
    metrics.request('a"b\\c\nd', "OK", "REST", 0.0)
    assert rb'model_name="a\"b\\c\nd",status="OK"} 1' in metrics.page()


def test_the_server_shows_them(server, call):
    def page():
        url = f"http://127.0.0.1:{server.rest_port}{PATH}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            return samples(answer.read())

    ok = (":tensorflow:serving:request_count", 'model_name="generator",status="OK"')
    wrong = (ok[0], 'model_name="generator",status="INVALID_ARGUMENT"')
    before = page()
    call("/v1/models/generator:predict", {"instances": ["a"]})
    call("/v1/models/generator:predict", b"{")
    after = page()
    assert [after[key] - before.get(key, 0) for key in (ok, wrong)] == [1, 1]


def test_names_that_clients_make_up_are_counted_as_one(server, call):
    for name in ("one", "two"):
        call(f"/v1/models/{name}:predict", b"{}")
    url = f"http://127.0.0.1:{server.rest_port}{PATH}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        page = answer.read()
    assert b'request_count{model_name="",status="NOT_FOUND"}' in page
    assert b'model_name="one"' not in page
