"""Who is let in, how connections end, and what is told of clients' faults."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import logging
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from aiohttp import web

from pipeline.errors import RunError
from pipeline.server import http_thread
from pipeline.server.http_requests import BodyReader, encoding_of
from pipeline.server.http_thread import HttpThread, require_address

LOCAL, SECONDS = "127.0.0.1", 20


class Echo:
    """Answers a body as it was sent, unpacked; `/wait` never, and `/big` with a lot.

    Attributes:
      left: set when a client left `/wait`.
      began: set when a request for `/wait` or `/big` came.
    """

    def __init__(self):
        self.left, self.began = threading.Event(), threading.Event()
        self.bodies = BodyReader(1000, 2000)

    async def answer(self, request):
        if request.path == "/big":
            self.began.set()
            return web.Response(body=b"x" * 2**26)
        if request.path == "/wait":
            self.began.set()
            try:
                await asyncio.sleep(SECONDS)
            except asyncio.CancelledError:
                self.left.set()
                raise
        body = await self.bodies.read(request)
        self.bodies.release(len(body))
        return web.Response(body=self.bodies.decoded(body, encoding_of(request)))


@pytest.fixture
def echo():
    return Echo()


@pytest.fixture
def start(echo):
    """A function that serves `echo` and returns the port."""
    started = []

    def run(host=LOCAL, **settings):
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", echo.answer)
        started.append(HttpThread(application, host, 0, **settings))
        return started[-1].port

    run.started = started
    yield run
    for server in started:
        server.stop()


def send(port, body=b"", path="/", **headers):
    """Status, headers and JSON or bytes of an answer."""
    connection = http.client.HTTPConnection(LOCAL, port, timeout=SECONDS)
    connection.request(
        "POST", path, body, {name.replace("_", "-"): v for name, v in headers.items()}
    )
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def error_of(reply):
    """The status of a refusal, which says in JSON what is wrong."""
    status, headers, content = reply
    assert headers["Content-Type"].startswith("application/json")
    assert list(json.loads(content)) == ["error"]
    return status


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:1",
        "127.8.9.1",
        "localhost",
        "LOCALHOST.:80",
        "[::1]:80",
        "My.Name:9",
    ],
)
def test_known_names_are_let_in(start, host):
    assert send(start(names=["my.name"]), b"a", Host=host)[::2] == (200, b"a")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example:80", "192.0.2.1", "127.0.0.1.evil.example", "x:y"],
)
def test_other_names_are_refused(start, host):
    assert error_of(send(start(), b"a", Host=host)) == 421


@pytest.mark.parametrize(
    ("here", "name", "is_known"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("fe80::1%eth0", "fe80::1", True),
    ],
)
def test_the_address_that_a_client_reached_is_known(here, name, is_known):
    transport = SimpleNamespace(get_extra_info=lambda _: (here, 80))
    request = SimpleNamespace(transport=transport)
    assert http_thread._is_known(name, request, frozenset()) == is_known


def test_a_packed_body_is_unpacked(start):
    port = start()
    packed = gzip.compress(b"a" * 1000)
    assert send(port, packed, Content_Encoding="gzip")[::2] == (200, b"a" * 1000)


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"{}", "gzip", 400),
        (b"{}", "br", 415),
        (b"a" * 1001, "", 413),
        (gzip.compress(b"a" * 1001), "gzip", 413),
    ],
)
def test_bodies_that_cannot_be_read_are_refused_without_a_trace(
    start, caplog, body, encoding, status
):
    port = start()
    assert error_of(send(port, body, Content_Encoding=encoding)) == status
    assert send(port, b"a")[0] == 200
    assert caplog.records == []


def test_a_body_that_does_not_come_is_given_up(start, echo, monkeypatch):
    monkeypatch.setattr("pipeline.server.http_requests.BODY_SECONDS", 0.2)
    with socket.create_connection((LOCAL, start()), SECONDS) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nhalf")
        assert client.recv(1000).startswith(b"HTTP/1.1 408")
    echo.bodies.reserve(2000)


def test_a_client_that_leaves_cancels_its_request(start, echo, caplog):
    port = start()
    with socket.create_connection((LOCAL, port), SECONDS) as client:
        client.sendall(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert echo.began.wait(SECONDS)
    assert echo.left.wait(SECONDS)
    assert caplog.records == []


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"POST / HTTP/1.1\r\nHost: localhost\r\n a: b\r\n\x00: c\r\n\r\n",
        b"\x16\x03\x01 no HTTP at all\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 1000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_what_clients_do_wrong_leaves_no_trace(start, caplog, sent):
    port = start()
    for leaves in (False, True):
        with socket.create_connection((LOCAL, port), SECONDS) as client:
            client.sendall(sent)
            if not leaves:
                client.shutdown(socket.SHUT_WR)
                client.settimeout(SECONDS)
                answer = client.recv(100)
                assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert send(port, b"a")[0] == 200
    assert caplog.records == []


def test_a_fault_of_the_server_leaves_its_trace(start, echo, caplog, monkeypatch):
    async def broken(_):
        raise KeyError("ours")

    monkeypatch.setattr(echo.bodies, "read", broken)
    assert send(start())[0] == 500
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_an_idle_connection_is_closed(start, sent):
    port = start(idle_seconds=0.2)
    with socket.create_connection((LOCAL, port), SECONDS) as client:
        client.sendall(sent)
        while client.recv(1000):
            pass


def test_a_client_that_takes_no_answer_is_cut_off(start, echo):
    port = start(idle_seconds=0.2)
    with socket.create_connection((LOCAL, port), SECONDS) as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert echo.began.wait(SECONDS)
        end = time.monotonic() + SECONDS
        while start.started[0]._runner.server.connections:
            assert time.monotonic() < end
            time.sleep(0.01)
        size = 0
        with pytest.raises(ConnectionError):
            while part := client.recv(2**20):
                size += len(part)
            raise ConnectionError
        assert size < 2**26


def test_connections_too_many_are_told_so(start):
    port = start(max_connections=2)
    kept = [socket.create_connection((LOCAL, port), SECONDS) for _ in range(2)]
    for client in kept:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    status, headers, content = send(port)
    assert (status, headers["Retry-After"]) == (503, "1")
    assert "error" in json.loads(content)
    kept.pop().close()
    end = time.monotonic() + SECONDS
    while send(port)[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.01)
    kept.pop().close()


def test_why_nothing_can_listen_is_told(start):
    taken = start()
    for listen in (
        require_address,
        lambda host, port: HttpThread(web.Application(), host, port),
    ):
        for host, port, said in (
            (LOCAL, taken, "the port is taken"),
            ("192.0.2.1", 0, "no such address"),
            ("no host", 0, "--host an address"),
        ):
            with pytest.raises(RunError, match=said):
                listen(host, port)


def test_an_address_that_is_free_passes():
    require_address(LOCAL, 0)
    require_address("0.0.0.0", 0)


@pytest.fixture(autouse=True)
def _warnings(caplog):
    caplog.set_level(logging.WARNING)
