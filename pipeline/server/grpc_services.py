"""TensorFlow Serving's gRPC services: PredictionService and ModelService."""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError, Message
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    predict_pb2,
)

from pipeline.errors import UsageError
from pipeline.server.config import Limits, ModelConfig, from_proto
from pipeline.server.errors import Code, ServingError, from_admission, internal, invalid
from pipeline.server.http_requests import (
    BODY_SECONDS,
    AdmissionQueue,
    BodyReader,
    Deadline,
    DeadlineExceeded,
    QueueFull,
    Refusal,
    WorkerPool,
)
from pipeline.server.metrics import Metrics
from pipeline.server.servables import DEFAULT_SIGNATURE, Manager, Servable, Spec

_SIGNATURES = "signature_def"
# Messages that are received at a time, and requests about models that wait for it.
_READING, _ASKING = 16, 64
_RELOAD_SECONDS = 3600.0
M = TypeVar("M", bound=Message)
Call = Callable[[Any, grpc.aio.ServicerContext], Awaitable[bytes]]


class Services:
    """Predict, GetModelMetadata, GetModelStatus and HandleReloadConfigRequest; what else there is
    answers UNIMPLEMENTED.

    The methods read their message themselves, so that none is received before there is room for
    it, and a client that sends none does not stay: to gRPC they take a stream, which looks the
    same to a client. They run in one event loop.
    """

    def __init__(
        self,
        manager: Manager,
        metrics: Metrics,
        workers: WorkerPool,
        bodies: BodyReader,
        limits: Limits,
        roots: Sequence[Path] | None,
    ):
        """Answers for the models of a manager.

        Args:
          manager, metrics, workers, bodies, limits: those of the server.
          roots: below which directories a client may have models loaded; None: no client may.
        """
        self._manager, self._metrics, self._roots = manager, metrics, roots
        self._workers, self._bodies, self._limits = workers, bodies, limits
        self._predicting = AdmissionQueue(_READING, limits.waiting)
        self._asking = AdmissionQueue(_READING, _ASKING)
        self._loading = WorkerPool("reload", 1, 2)

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """What a server is given."""
        services = {
            "PredictionService": {
                "Predict": self._predict,
                "GetModelMetadata": self._answered(self._metadata),
            },
            "ModelService": {
                "GetModelStatus": self._answered(self._status),
                "HandleReloadConfigRequest": self._answered(self._reload),
            },
        }
        return [
            grpc.method_handlers_generic_handler(
                f"tensorflow.serving.{service}",
                {name: grpc.stream_unary_rpc_method_handler(call) for name, call in calls.items()},
            )
            for service, calls in services.items()
        ]

    def close(self) -> None:
        """Waits for models that are being loaded."""
        self._loading.close()

    async def _predict(self, _: Any, context: grpc.aio.ServicerContext) -> bytes:
        start, status, name = time.perf_counter(), Code.OK, [""]
        try:
            return await self._in_turn(context, name)
        except ServingError as error:
            status = error.code
            return await _abort(context, error)
        except asyncio.CancelledError:
            status = Code.CANCELLED
            raise
        finally:
            known = self._manager.name_of(name[0])
            self._metrics.request(known, status.name, "GRPC", time.perf_counter() - start)

    async def _in_turn(self, context: grpc.aio.ServicerContext, name: list[str]) -> bytes:
        message = await self._message(context, self._predicting)
        try:
            self._bodies.reserve(len(message))
        except Refusal as refusal:
            raise ServingError(Code.RESOURCE_EXHAUSTED, refusal.message) from None
        left = context.time_remaining()
        seconds = self._limits.seconds if left is None else min(left, self._limits.seconds)
        try:
            work = functools.partial(self._run, message, name)
            return await self._workers.run(work, seconds)
        except (QueueFull, DeadlineExceeded) as error:
            raise from_admission(error) from None
        except ServingError:
            raise
        except Exception as error:
            raise internal(error) from error
        finally:
            self._bodies.release(len(message))

    def _run(self, message: bytes, name: list[str], deadline: Deadline) -> bytes:
        request = _parsed(predict_pb2.PredictRequest, message)
        name[0] = request.model_spec.name
        with self._manager.lend(*_which(request.model_spec)) as servable:
            signature = servable.signature(request.model_spec.signature_name)
            signature.check_names(request.inputs)
            tensors = {
                alias: _array(alias, request.inputs[alias], spec, self._limits)
                for alias, spec in signature.inputs.items()
            }
            asked = _asked(request, signature.outputs)
            start = time.perf_counter()
            outputs = signature(tensors, deadline)
            self._metrics.run(servable.name, time.perf_counter() - start)
        deadline.remaining()
        response = predict_pb2.PredictResponse(model_spec=_spec(servable))
        response.model_spec.signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        for alias in asked:
            response.outputs[alias].CopyFrom(tf.make_tensor_proto(outputs[alias]))
        return response.SerializeToString()

    def _answered(self, answer: Callable[[bytes], Awaitable[Message]]) -> Call:
        """A method that says what is known of models, or has others served."""

        async def call(_: Any, context: grpc.aio.ServicerContext) -> bytes:
            try:
                response = await answer(await self._message(context, self._asking))
            except ServingError as error:
                return await _abort(context, error)
            return response.SerializeToString()

        return call

    async def _message(self, context: grpc.aio.ServicerContext, queue: AdmissionQueue) -> bytes:
        """The message of a call, once there is room to receive it."""
        try:
            await queue.acquire(Deadline(self._limits.seconds))
        except (QueueFull, DeadlineExceeded) as error:
            raise from_admission(error) from None
        try:
            message = await asyncio.wait_for(context.read(), BODY_SECONDS)
        except asyncio.TimeoutError:
            slow = f"the message did not come within {BODY_SECONDS:g} seconds"
            raise ServingError(Code.DEADLINE_EXCEEDED, slow) from None
        finally:
            queue.release()
        if message is grpc.aio.EOF:
            raise invalid("the call has no message")
        return message

    async def _metadata(self, message: bytes) -> Message:
        request = _parsed(get_model_metadata_pb2.GetModelMetadataRequest, message)
        if list(request.metadata_field) != [_SIGNATURES]:
            raise invalid(
                f"metadata_field must be {_SIGNATURES}, not {list(request.metadata_field[:9])}"
            )
        signatures = get_model_metadata_pb2.SignatureDefMap()
        with self._manager.lend(*_which(request.model_spec)) as servable:
            for name, signature in servable.signatures.items():
                signatures.signature_def[name].CopyFrom(signature.definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=_spec(servable))
        response.metadata[_SIGNATURES].Pack(signatures)
        return response

    async def _status(self, message: bytes) -> Message:
        request = _parsed(get_model_status_pb2.GetModelStatusRequest, message)
        response = get_model_status_pb2.GetModelStatusResponse()
        statuses = self._manager.statuses(*_which(request.model_spec))
        for version, status in statuses.items():
            one = response.model_version_status.add(version=version, state=status.state)
            one.status.error_code = Code.UNKNOWN.value[0] if status.error else 0
            one.status.error_message = status.error
        return response

    async def _reload(self, message: bytes) -> Message:
        """Serves the models of another config from now on."""
        if self._roots is None:
            raise ServingError(
                Code.PERMISSION_DENIED,
                "clients may not choose what is served; start the server with --allow-reload",
            )
        request = _parsed(model_management_pb2.ReloadConfigRequest, message)
        try:
            models = [from_proto(one) for one in request.config.model_config_list.config]
        except UsageError as error:
            raise invalid(str(error)) from None
        for model in models:
            _require_within(model, self._roots)
        try:
            await self._loading.run(lambda _: self._manager.configure(models), _RELOAD_SECONDS)
        except (QueueFull, DeadlineExceeded) as error:
            raise from_admission(error) from None
        except Exception as error:
            raise internal(error) from error
        return model_management_pb2.ReloadConfigResponse()


async def _abort(context: grpc.aio.ServicerContext, error: ServingError) -> Any:
    # Half a surrogate pair cannot be sent.
    details = error.message.encode("utf-8", "replace").decode("utf-8")
    await context.abort(error.code, details)


def _parsed(kind: type[M], message: bytes) -> M:
    try:
        return kind.FromString(message)
    except DecodeError:
        raise invalid(f"the message is no {kind.DESCRIPTOR.full_name}") from None


def _require_within(model: ModelConfig, roots: Sequence[Path]) -> None:
    try:
        base = model.base.resolve()
    except (OSError, RuntimeError, ValueError):
        base = None
    if base is None or not any(base.is_relative_to(root) for root in roots):
        raise ServingError(
            Code.PERMISSION_DENIED,
            f"model {model.name!r}: its base_path is not below {', '.join(map(str, roots))}",
        )


def _which(spec: model_pb2.ModelSpec) -> tuple[str, int | None, str]:
    if not spec.name:
        raise invalid("Missing ModelSpec")
    version = spec.version.value if spec.HasField("version") else None
    return spec.name, version, spec.version_label


def _spec(servable: Servable) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=servable.name)
    spec.version.value = servable.version
    return spec


def _array(alias: str, value: Any, spec: Spec, limits: Limits) -> np.ndarray:
    """A tensor of a request, after its type and size were checked: one value may stand for as many
    as the shape has."""
    try:
        dtype = tf.as_dtype(value.dtype)
    except TypeError as error:
        raise invalid(f"input {alias} is no tensor: {error}") from None
    shape = [dim.size for dim in value.tensor_shape.dim]
    spec.check(alias, dtype, shape)
    size = dtype.size
    if dtype == tf.string and value.string_val:
        missing = math.prod(shape) - len(value.string_val)
        if missing < 0:
            raise invalid(f"input {alias} is no tensor: it has more values than its shape {shape}")
        size += len(value.string_val[-1]) if missing else 0
    spec.check_size(alias, shape, size, limits)
    try:
        return tf.make_ndarray(value)
    except (TypeError, ValueError) as error:
        raise invalid(f"input {alias} is no tensor: {error}") from None


def _asked(request: predict_pb2.PredictRequest, outputs: Sequence[str]) -> list[str]:
    """Aliases of the outputs that a request wants: those of its filter, or all."""
    wanted = list(request.output_filter)
    for alias in wanted:
        if alias not in outputs:
            known = ",".join(outputs)
            raise invalid(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {{{known}}}."
            )
    if len(set(wanted)) < len(wanted):
        raise invalid(f"duplicate output tensor alias in {wanted}")
    return wanted or list(outputs)
