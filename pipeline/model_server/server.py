"""Puts models, REST and gRPC together in one process, and watches for new versions."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Sequence
from concurrent import futures

import grpc
from aiohttp import web
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from pipeline.errors import RunError
from pipeline.http_thread import HttpThread
from pipeline.model_server.config import ModelConfig
from pipeline.model_server.grpc_services import ModelService, PredictionService
from pipeline.model_server.manager import Manager
from pipeline.model_server.metrics import Metrics
from pipeline.model_server.rest import RestApi, refusal

LOCAL = "127.0.0.1"
REST_PORT, GRPC_PORT = 8501, 8500
MAX_BODY_BYTES = 64 * 2**20
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
        max_body_bytes: int = MAX_BODY_BYTES,
        workers: int | None = None,
    ):
        """Loads the models, then listens.

        Args:
          models: what to serve.
          host: the address to listen on; `LOCAL` keeps it to this machine.
          rest_port, grpc_port: 0 takes any that is free.
          poll_seconds: time between two looks for new versions; 0 never looks again.
          max_body_bytes: longer requests are refused.
          workers: requests of one protocol that are worked on at a time; None: twice the cores.

        Raises:
          RunError: a port is taken.
        """
        self.manager, self._metrics = Manager(models), Metrics()
        self.manager.update()
        count = workers or 2 * (os.cpu_count() or 1)
        self._grpc = self._start_grpc(f"{host}:{grpc_port}", count, max_body_bytes)
        try:
            api = RestApi(self.manager, self._metrics)
            self._http = HttpThread(_application(api, count, max_body_bytes), host, rest_port)
        except RunError:
            self._grpc.stop(None)
            self.manager.close()
            raise
        self.rest_port = self._http.port
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
        self._http.stop()
        self._grpc.stop(grace=10).wait()
        self.manager.close()

    def _start_grpc(self, address: str, workers: int, max_bytes: int) -> grpc.Server:
        limits = [("grpc.max_receive_message_length", max_bytes), ("grpc.so_reuseport", 0)]
        limits.append(("grpc.max_send_message_length", -1))
        server = grpc.server(futures.ThreadPoolExecutor(workers, "grpc"), options=limits)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(self.manager, self._metrics), server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelService(self.manager), server
        )
        try:
            self.grpc_port = server.add_insecure_port(address)
        except RuntimeError:
            self.manager.close()
            raise RunError(f"{address}: the port is taken; choose another one") from None
        server.start()
        return server

    def _watch(self, seconds: float) -> None:
        while not self._stopping.wait(seconds):
            try:
                self.manager.update()
            except OSError as error:
                _log.warning("cannot look for new versions now: %s", error)


def _application(api: RestApi, workers: int, max_bytes: int) -> web.Application:
    pool = futures.ThreadPoolExecutor(workers, "rest")

    async def answer(request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            answered = refusal(413, f"the request is larger than {max_bytes} bytes")
        else:
            loop = asyncio.get_running_loop()
            answered = await loop.run_in_executor(
                pool, api.answer, request.method, request.path, body
            )
        return web.Response(
            status=answered.status,
            body=answered.body,
            headers={"Content-Type": answered.content_type},
        )

    async def end(_: web.Application) -> None:
        pool.shutdown()

    application = web.Application(client_max_size=max_bytes)
    application.on_cleanup.append(end)
    application.router.add_route("*", "/{path:.*}", answer)
    return application
