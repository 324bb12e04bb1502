"""An aiohttp application that runs beside the rest of a process, and what keeps strangers out."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import json
import logging
import socket
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from aiohttp import http_exceptions, web

from pipeline.errors import RunError
from pipeline.server.http_requests import RETRY_SECONDS, Refusal

MAX_CONNECTIONS, IDLE_SECONDS = 256, 60.0
_GRACE_SECONDS = 10.0
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    b'Connection: close\r\nContent-Length: 44\r\n\r\n{"error": "too many connections; try later"}'
)
T = TypeVar("T")


class HttpThread:
    """Serves an application from an event loop in a thread of its own.

    A client that leaves cancels the handler of its request. Bodies are handed over as they were
    sent: `http_requests.decoded` undoes gzip, within a limit. Requests for a name that is not this
    machine's are refused, because a page of a stranger's could send them (DNS rebinding).

    Attributes:
      port: where it listens.
    """

    def __init__(
        self,
        application: web.Application,
        host: str,
        port: int,
        *,
        names: Iterable[str] = (),
        max_connections: int = MAX_CONNECTIONS,
        idle_seconds: float = IDLE_SECONDS,
    ):
        """Listens from now on.

        Args:
          application: what to serve.
          host: the address to listen on.
          port: 0 takes any that is free.
          names: what clients may call this machine, besides loopback names and `host`.
          max_connections: further ones get the status 503.
          idle_seconds: a connection without a request for so long is closed, and so is one that
            takes none of its answer for so long.

        Raises:
          RunError: nothing can listen there.
        """
        known = frozenset(_plain(name) for name in (host, *names))
        application.middlewares.insert(0, _refusing(known))
        self._max_connections, self._idle_seconds = max_connections, idle_seconds
        self._loop = asyncio.new_event_loop()
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=_GRACE_SECONDS,
            handle_signals=False,
            handler_cancellation=True,
            auto_decompress=False,
            keepalive_timeout=idle_seconds,
            logger=_logger(),
        )
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()
        try:
            self.port = self.call(self._start(host, port))
        except OSError as error:
            self.stop()
            raise cannot_listen(host, port, error) from None

    def stop(self) -> None:
        """Takes no more requests, waits for those under way, and ends the thread."""
        self.call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the thread's loop, and returns what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _start(self, host: str, port: int) -> int:
        await self._runner.setup()
        self._server = await self._loop.create_server(self._connection, host, port)
        return self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    def _connection(self) -> asyncio.Protocol:
        server = self._runner.server
        assert server is not None
        if len(server.connections) >= self._max_connections:
            return _RefusedConnection()
        return _Connection(server(), self._idle_seconds)


class _Connection(asyncio.Protocol):
    """aiohttp's protocol, but for a client that takes nothing of its answer: it is cut off."""

    def __init__(self, inner: asyncio.Protocol, idle_seconds: float):
        self._inner, self._idle_seconds = inner, idle_seconds
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()
        self._watch(self._unsent() + 1)

    def resume_writing(self) -> None:
        self._stop_timer()
        self._inner.resume_writing()

    def _unsent(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport else 0

    def _watch(self, unsent: int) -> None:
        assert self._transport is not None
        now = self._unsent()
        if now >= unsent:
            self._transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._idle_seconds, self._watch, now)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _RefusedConnection(asyncio.Protocol):
    """A connection too many: it is told so and closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(_REFUSAL)
        transport.close()


def in_url(host: str) -> str:
    """A host as URLs and gRPC's addresses have it: IPv6 addresses stand in brackets."""
    return f"[{host}]" if ":" in host else host


def require_address(host: str, port: int) -> None:
    """Checks that a server can listen there.

    Raises:
      RunError: it cannot; the message says why, and what to do.
    """
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        raise cannot_listen(host, port, error) from None


def cannot_listen(host: str, port: int, error: OSError) -> RunError:
    """Why a server cannot listen, and what to do."""
    remedies = {
        errno.EADDRINUSE: "the port is taken; choose another port",
        errno.EACCES: "the system gives this port to root alone; choose another port, above 1023",
        errno.EADDRNOTAVAIL: "this machine has no such address; give --host 127.0.0.1 for this "
        "machine alone, 0.0.0.0 for all of its addresses, or one that `ip address` shows",
    }
    reason = remedies.get(error.errno or 0, error.strerror or str(error))
    if isinstance(error, socket.gaierror):
        reason = f"{error.strerror}; give --host an address, such as 127.0.0.1 or 0.0.0.0"
    return RunError(f"{host}:{port}: {reason}")


def error_answer(status: int, message: str, *, retry: bool = False) -> web.Response:
    """An error as JSON."""
    # What a client sent may come back in it, half a surrogate pair too.
    body = json.dumps({"error": message}, ensure_ascii=False).encode("utf-8", "replace")
    headers = {"Retry-After": str(RETRY_SECONDS)} if retry else None
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _refusing(names: frozenset[str]) -> Any:
    """Answers a `Refusal` as JSON, and refuses requests whose Host header is neither a loopback
    name, nor the address that the client reached, nor one of `names`."""

    @web.middleware
    async def answer(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            _check_host(request, names)
            return await handler(request)
        except Refusal as error:
            return error_answer(error.status, error.message, retry=error.retry)

    return answer


def _check_host(request: web.Request, names: frozenset[str]) -> None:
    # A page cannot choose this header of the requests that it makes a browser send.
    for host in request.headers.getall("Host", []):
        name = _name_of(host)
        if not _is_known(name, request, names):
            raise Refusal(
                421,
                f"{name[:80]!r} is no known name of this machine. Ask for 127.0.0.1 or localhost, "
                "or start the server with --allow-host and that name",
            )


def _is_known(name: str, request: web.Request, names: frozenset[str]) -> bool:
    if name in names or name in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    here = request.transport and request.transport.get_extra_info("sockname")
    return address.is_loopback or bool(here and _plain(here[0]) == str(address))


def _name_of(host: str) -> str:
    """A Host header's name or address, without port and brackets."""
    if host.startswith("["):
        return _plain(host[1:].partition("]")[0])
    return _plain(host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host)


def _plain(name: str) -> str:
    return name.lower().strip("[]").rstrip(".").partition("%")[0].removeprefix("::ffff:")


def _logger() -> logging.Logger:
    """aiohttp's log without traces of what clients did wrong."""
    log = logging.getLogger(f"{__name__}.requests")
    if not log.filters:
        log.addFilter(_is_our_fault)
    return log


def _is_our_fault(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    faults = (http_exceptions.HttpProcessingError, web.RequestPayloadError, ConnectionError)
    return not isinstance(error, faults)
