"""One error for both protocols: a canonical code, its HTTP status, and a message for the client."""

from __future__ import annotations

import logging

import grpc
import tensorflow as tf

from pipeline.server.http_requests import DeadlineExceeded, QueueFull

Code = grpc.StatusCode

# The statuses that TensorFlow Serving's http_server.cc gives to canonical codes.
_HTTP_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
_BY_NUMBER = {code.value[0]: code for code in Code}
# gRPC sends a message as a header, and headers have a limit.
_LONGEST = 2000
_log = logging.getLogger(__name__)


class ServingError(Exception):
    """A request that gets an error as its answer.

    Attributes:
      code: canonical code, as in gRPC.
      message: what is wrong, for the client.
    """

    def __init__(self, code: grpc.StatusCode, message: str):
        if len(message) > _LONGEST:
            message = f"{message[:_LONGEST]}..."
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def can_be_retried(self) -> bool:
        """Whether the same request may well be answered later."""
        return self.code in (Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE)

    @property
    def http_status(self) -> int:
        """The status of a REST answer."""
        return _HTTP_STATUS.get(self.code, 500)


def invalid(message: str) -> ServingError:
    """A request that is wrong in itself."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def internal(error: Exception) -> ServingError:
    """The error for a fault of the server's own, which goes into its log with its trace."""
    if isinstance(error, MemoryError):
        return ServingError(Code.RESOURCE_EXHAUSTED, "the server has no memory left for this")
    _log.error("a request failed: %s", error, exc_info=error)
    return ServingError(Code.INTERNAL, f"a fault of the server: {type(error).__name__}")


def from_admission(error: QueueFull | DeadlineExceeded) -> ServingError:
    """The error of a request that waited for too long, or could not wait at all."""
    busy = isinstance(error, QueueFull)
    return ServingError(Code.RESOURCE_EXHAUSTED if busy else Code.DEADLINE_EXCEEDED, str(error))


def from_tensorflow(error: tf.errors.OpError) -> ServingError:
    """The error that a graph raised, without the trace of its nodes."""
    message = error.message.partition("\n\t [[")[0].partition("\n\nOriginal stack trace")[0]
    return ServingError(_BY_NUMBER.get(error.error_code, Code.UNKNOWN), message.strip())
