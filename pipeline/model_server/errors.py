"""One error for both protocols: a canonical code, its HTTP status, and a message for the client."""

from __future__ import annotations

import grpc
import tensorflow as tf

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


class ServingError(Exception):
    """A request that gets an error as its answer.

    Attributes:
      code: canonical code, as in gRPC.
      message: what is wrong, for the client.
    """

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def http_status(self) -> int:
        """The status of a REST answer."""
        return _HTTP_STATUS.get(self.code, 500)


def invalid(message: str) -> ServingError:
    """A request that is wrong in itself."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def from_tensorflow(error: tf.errors.OpError) -> ServingError:
    """The error that a graph raised, without the trace of its nodes."""
    message = error.message.partition("\n\t [[")[0].partition("\n\nOriginal stack trace")[0]
    return ServingError(_BY_NUMBER.get(error.error_code, Code.UNKNOWN), message.strip())
