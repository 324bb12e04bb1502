"""Puts models, REST and gRPC together in one process, and watches for new versions."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import grpc
from aiohttp import web

from pipeline.errors import RunError
from pipeline.server.config import Limits, ModelConfig
from pipeline.server.grpc_services import Services
from pipeline.server.http_requests import BodyReader, WorkerPool
from pipeline.server.http_thread import HttpThread, cannot_listen, in_url, require_address
from pipeline.server.metrics import Metrics
from pipeline.server.rest import RestApi
from pipeline.server.servables import Manager

LOCAL = "127.0.0.1"
REST_PORT, GRPC_PORT = 8501, 8500
_GRACE_SECONDS = 10.0
# Calls of one connection at a time.
_STREAMS = 100
DEFAULT_LIMITS = Limits()
_log = logging.getLogger(__name__)


class ModelServer:
    """A running server; a context manager that ends it.

    Attributes:
      rest_port, grpc_port: where it listens; those of the machine's choice for a given 0.
      manager: its models.
    """

    def __init__(
        self,
        models: Sequence[ModelConfig],
        *,
        host: str = LOCAL,
        rest_port: int = 0,
        grpc_port: int = 0,
        poll_seconds: float = 0.25,
        limits: Limits = DEFAULT_LIMITS,
        names: Iterable[str] = (),
        allow_reload: bool = False,
    ):
        """Loads the models, then listens.

        Args:
          models: what to serve.
          host: the address to listen on; `LOCAL` keeps it to this machine.
          rest_port, grpc_port: 0 takes any that is free.
          poll_seconds: time between two looks for new versions; 0 never looks again.
          limits: of requests and connections.
          names: what REST clients may call this machine, besides loopback names and `host`.
          allow_reload: whether clients may have other models loaded, from the directories that
            hold those of `models`.

        Raises:
          RunError: nothing can listen there.
        """
        require_address(host, rest_port)
        require_address(host, grpc_port)
        roots = _roots(models) if allow_reload else None
        self.manager, metrics = Manager(models), Metrics()
        self.manager.update()
        self._workers = WorkerPool("predict", limits.running or os.cpu_count() or 1, limits.waiting)
        bodies = BodyReader(limits.body_bytes, limits.held_bytes)
        shared = (self.manager, metrics, self._workers, bodies, limits)
        api, self._services = RestApi(*shared), Services(*shared, roots)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", api.answer)
        try:
            self._http = HttpThread(
                application,
                host,
                rest_port,
                names=names,
                max_connections=limits.connections,
                idle_seconds=limits.idle_seconds,
            )
        except RunError:
            self.manager.close()
            raise
        self.rest_port = self._http.port
        try:
            self._grpc = self._http.call(self._start_grpc(host, grpc_port, limits))
        except RuntimeError:
            self._http.stop()
            self.manager.close()
            taken = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            raise cannot_listen(host, grpc_port, taken) from None
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(poll_seconds,), daemon=True)
        if poll_seconds:
            self._watcher.start()

    def __enter__(self) -> ModelServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Takes no more requests, answers those under way, and lets the models go."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._http.call(self._grpc.stop(_GRACE_SECONDS))
        self._http.stop()
        self._workers.close()
        self._services.close()
        self.manager.close()

    async def _start_grpc(self, host: str, port: int, limits: Limits) -> grpc.aio.Server:
        """Listens in the loop of REST: one queue for both protocols needs no locks."""
        idle = round(1000 * limits.idle_seconds)
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limits.body_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_allowed_incoming_connections", limits.connections),
                ("grpc.max_concurrent_streams", _STREAMS),
                ("grpc.max_connection_idle_ms", idle),
                # A client that is gone without a word is found out by a ping.
                ("grpc.keepalive_time_ms", idle),
                ("grpc.server_handshake_timeout_ms", idle),
                ("grpc.so_reuseport", 0),
            ]
        )
        server.add_generic_rpc_handlers(self._services.handlers())
        self.grpc_port = server.add_insecure_port(f"{in_url(host)}:{port}")
        await server.start()
        return server

    def _watch(self, seconds: float) -> None:
        while not self._stopping.wait(seconds):
            try:
                self.manager.update()
            except OSError as error:
                _log.warning("cannot look for new versions now: %s", error)


def _roots(models: Sequence[ModelConfig]) -> list[Path]:
    """The directories that hold the models' directories, without links, and those themselves; the
    root of all files is none of them."""
    bases = {model.base.resolve() for model in models}
    parents = {model.base.parent.resolve() for model in models}
    return sorted(bases | {parent for parent in parents if parent != parent.parent})
