"""Bodies of HTTP requests within limits, and work for them that no client can pile up."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable
from concurrent import futures
from time import monotonic
from typing import TypeVar

from aiohttp import web

RETRY_SECONDS = 1
BODY_SECONDS = 30.0
# zlib's window bits for gzip and for zlib's own format, which HTTP calls deflate.
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
T = TypeVar("T")


class Refusal(Exception):
    """A request that gets an error as its answer.

    Attributes:
      status: of HTTP.
      message: what is wrong, for the client.
      retry: whether the same request may well be answered later.
    """

    def __init__(self, status: int, message: str, *, retry: bool = False):
        super().__init__(message)
        self.status, self.message, self.retry = status, message, retry


class DeadlineExceeded(Exception):
    """Work was not done in its time, or nobody waits for it any more."""


class QueueFull(Exception):
    """More requests wait than may."""


class Deadline:
    """When work must be done; may be brought forward from another thread."""

    def __init__(self, seconds: float):
        self._seconds, self._end = seconds, monotonic() + seconds

    def remaining(self) -> float:
        """Returns the seconds that are left, above 0.

        Raises:
          DeadlineExceeded: there are none.
        """
        if (left := self._end - monotonic()) <= 0:
            raise self.exceeded()
        return left

    def exceeded(self) -> DeadlineExceeded:
        """The error for what is not done in time."""
        return DeadlineExceeded(f"the request was not answered within {self._seconds:g} seconds")

    def cancel(self) -> None:
        """Ends the time now."""
        self._end = -1.0


class AdmissionQueue:
    """A semaphore with a bounded queue, first come, first served; for one event loop.

    Attributes:
      free: how many may still begin at once.
    """

    def __init__(self, running: int, waiting: int):
        """Sets the limits.

        Args:
          running: how many may hold the semaphore at a time.
          waiting: how many more may wait for it.
        """
        self.free, self._limit = running, waiting
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    async def acquire(self, deadline: Deadline) -> None:
        """Waits for the semaphore.

        Raises:
          QueueFull: too many wait already.
          DeadlineExceeded: it was not free in time.
        """
        if self.free:
            self.free -= 1
            return
        if self.waiting >= self._limit:
            raise QueueFull(f"{self._limit} requests wait already; try again later")
        admission = asyncio.get_running_loop().create_future()
        self._queue.append(admission)
        try:
            await asyncio.wait([admission], timeout=deadline.remaining())
            deadline.remaining()
        except BaseException:
            if admission.done():
                self.release()
            else:
                self._queue.remove(admission)
            raise

    def release(self) -> None:
        """Admits the next one."""
        if self._queue:
            self._queue.popleft().set_result(None)
        else:
            self.free += 1


class WorkerPool:
    """Threads for what takes long, so that the event loop is free for what does not.

    Attributes:
      queue: for the threads.
    """

    def __init__(self, name: str, running: int, waiting: int):
        """Starts no thread yet.

        Args:
          name: of the threads.
          running: how much is worked on at a time.
          waiting: how much more may wait for its turn.
        """
        self._pool = futures.ThreadPoolExecutor(running, name)
        self.queue = AdmissionQueue(running, waiting)

    async def run(self, work: Callable[[Deadline], T], seconds: float) -> T:
        """Returns what `work` returns; to be called from one event loop. When the caller is
        cancelled, work that waits is dropped, and work that has begun finds its deadline passed.

        Raises:
          QueueFull: too much waits already.
          DeadlineExceeded: it took longer than `seconds`, with its wait.
        """
        deadline = Deadline(seconds)
        await self.queue.acquire(deadline)
        loop = asyncio.get_running_loop()
        job = self._pool.submit(work, deadline)
        # The thread is taken until the work ends, whoever still waits for it.
        job.add_done_callback(lambda _: loop.call_soon_threadsafe(self.queue.release))
        answer = asyncio.wrap_future(job)
        # Where nobody waits any more, nobody asks for the error.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.wait([answer], timeout=deadline.remaining())
            if not answer.done():
                raise deadline.exceeded()
            return answer.result()
        finally:
            deadline.cancel()

    def close(self) -> None:
        """Waits for the work that has begun."""
        self._pool.shutdown()


class BodyReader:
    """Reads bodies, so many bytes of all together at a time."""

    def __init__(self, max_bytes: int, max_bytes_together: int):
        self.max_bytes, self._left = max_bytes, max_bytes_together

    def reserve(self, size: int) -> None:
        """Counts bytes that are held until `release`.

        Raises:
          Refusal: they are too many beside the others.
        """
        if size > self._left:
            raise Refusal(503, "the server holds too many requests; try again later", retry=True)
        self._left -= size

    def release(self, size: int) -> None:
        """Counts bytes as no longer held."""
        self._left += size

    async def read(self, request: web.Request) -> bytes:
        """Returns the body as it was sent; its size is reserved, for the caller to release.

        Raises:
          Refusal: it is too large, too slow, or in an encoding that is not known.
        """
        encoding_of(request)
        if (request.content_length or 0) > self.max_bytes:
            raise self._too_large()
        parts: list[bytes] = []
        try:
            await asyncio.wait_for(self._gather(request, parts), BODY_SECONDS)
        except BaseException as error:
            self.release(sum(map(len, parts)))
            if isinstance(error, asyncio.TimeoutError):
                slow = f"the body did not come within {BODY_SECONDS:g} seconds"
                raise Refusal(408, slow) from None
            raise
        return b"".join(parts)

    async def _gather(self, request: web.Request, parts: list[bytes]) -> None:
        size = 0
        async for part in request.content.iter_any():
            size += len(part)
            if size > self.max_bytes:
                raise self._too_large()
            self.reserve(len(part))
            parts.append(part)

    def decoded(self, body: bytes, encoding: str) -> bytes:
        """A body without its encoding, see `encoding_of`.

        Raises:
          Refusal: it is damaged, or too large when it is unpacked.
        """
        if not encoding:
            return body
        unpacking = zlib.decompressobj(_WINDOW_BITS[encoding])
        try:
            plain = unpacking.decompress(body, self.max_bytes + 1)
        except zlib.error:
            plain = b""
        if len(plain) > self.max_bytes:
            raise self._too_large()
        if not unpacking.eof or unpacking.unused_data:
            raise Refusal(400, f"the body is no {encoding}, as its Content-Encoding says")
        return plain

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the request is larger than {self.max_bytes} bytes")


def encoding_of(request: web.Request) -> str:
    """Returns the Content-Encoding of a request, "" for none.

    Raises:
      Refusal: it is not known.
    """
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return ""
    if encoding not in _WINDOW_BITS:
        known = ", ".join(sorted(_WINDOW_BITS))
        raise Refusal(415, f"Content-Encoding {encoding[:40]!r} is not known; known are: {known}")
    return encoding
