"""An aiohttp application that runs beside the rest of a process."""

from __future__ import annotations

import asyncio
import threading

from aiohttp import web

from pipeline.errors import RunError

_GRACE_SECONDS = 10.0


class HttpThread:
    """Serves an application from an event loop in a thread of its own.

    Attributes:
      port: where it listens.
    """

    def __init__(self, application: web.Application, host: str, port: int):
        """Listens from now on.

        Args:
          application: what to serve.
          host: the address to listen on.
          port: 0 takes any that is free.

        Raises:
          RunError: the port is taken.
        """
        self._loop = asyncio.new_event_loop()
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=_GRACE_SECONDS, handle_signals=False
        )
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()
        try:
            self.port = self._call(self._start(host, port))
        except OSError as error:
            self.stop()
            raise RunError(f"{host}:{port}: {error.strerror}; choose another port") from None

    def stop(self) -> None:
        """Takes no more requests, waits for those under way, and ends the thread."""
        self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self, host: str, port: int) -> int:
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        return self._runner.addresses[0][1]

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
