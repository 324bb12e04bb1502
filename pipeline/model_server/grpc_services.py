"""TensorFlow Serving's gRPC services: PredictionService and ModelService."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from pipeline.errors import UsageError
from pipeline.model_server.config import from_proto
from pipeline.model_server.errors import Code, ServingError, invalid
from pipeline.model_server.manager import Manager
from pipeline.model_server.metrics import Metrics
from pipeline.model_server.servable import DEFAULT_SIGNATURE, Servable

_SIGNATURES = "signature_def"
T = TypeVar("T")


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; what else there is answers UNIMPLEMENTED."""

    def __init__(self, manager: Manager, metrics: Metrics):
        self._manager, self._metrics = manager, metrics

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs one signature."""
        start, status = time.perf_counter(), Code.OK
        try:
            return self._predict(request)
        except ServingError as error:
            status = error.code
            return context.abort(error.code, error.message)
        finally:
            name = self._manager.name_of(request.model_spec.name)
            self._metrics.request(name, status.name, "GRPC", time.perf_counter() - start)

    def GetModelMetadata(
        self,
        request: get_model_metadata_pb2.GetModelMetadataRequest,
        context: grpc.ServicerContext,
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Tells a model's signatures."""
        return _answered(context, lambda: self._metadata(request))

    def _predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        with self._manager.lend(*_which(request.model_spec)) as servable:
            name = request.model_spec.signature_name
            signature = servable.signature(name)
            tensors = {alias: _array(alias, value) for alias, value in request.inputs.items()}
            start = time.perf_counter()
            outputs = signature(tensors)
            self._metrics.run(servable.name, time.perf_counter() - start)
        response = predict_pb2.PredictResponse(model_spec=_spec(servable))
        response.model_spec.signature_name = name or DEFAULT_SIGNATURE
        for alias in _asked(request, outputs):
            response.outputs[alias].CopyFrom(tf.make_tensor_proto(outputs[alias]))
        return response

    def _metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        if list(request.metadata_field) != [_SIGNATURES]:
            raise invalid(
                f"metadata_field must be {_SIGNATURES}, not {list(request.metadata_field)}"
            )
        found = get_model_metadata_pb2.SignatureDefMap()
        with self._manager.lend(*_which(request.model_spec)) as servable:
            for name, signature in servable.signatures.items():
                found.signature_def[name].CopyFrom(signature.definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=_spec(servable))
        response.metadata[_SIGNATURES].Pack(found)
        return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, manager: Manager):
        self._manager = manager

    def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Tells the states of a model's versions."""
        found = _answered(context, lambda: self._manager.statuses(*_which(request.model_spec)))
        response = get_model_status_pb2.GetModelStatusResponse()
        for version, status in found.items():
            one = response.model_version_status.add(version=version, state=status.state)
            one.status.error_code = Code.UNKNOWN.value[0] if status.error else 0
            one.status.error_message = status.error
        return response

    def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serves the models of another config from now on."""
        try:
            wanted = request.config.model_config_list.config
            self._manager.configure([from_proto(one) for one in wanted])
        except UsageError as error:
            return context.abort(Code.INVALID_ARGUMENT, str(error))
        return model_management_pb2.ReloadConfigResponse()


def _answered(context: grpc.ServicerContext, answer: Callable[[], T]) -> T:
    """The answer, or the end of the call with the error's code and message."""
    try:
        return answer()
    except ServingError as error:
        return context.abort(error.code, error.message)


def _which(spec: model_pb2.ModelSpec) -> tuple[str, int | None, str]:
    if not spec.name:
        raise invalid("Missing ModelSpec")
    version = spec.version.value if spec.HasField("version") else None
    return spec.name, version, spec.version_label


def _spec(servable: Servable) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=servable.name)
    spec.version.value = servable.version
    return spec


def _array(alias: str, value: Any) -> np.ndarray:
    try:
        return tf.make_ndarray(value)
    except (TypeError, ValueError) as error:
        raise invalid(f"input {alias} is no tensor: {error}") from None


def _asked(request: predict_pb2.PredictRequest, outputs: dict[str, np.ndarray]) -> list[str]:
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
