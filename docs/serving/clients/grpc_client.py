"""A picture from a caption, and a caption from a picture, over TensorFlow Serving's gRPC interface.

    python grpc_client.py paint 'a red circle' -o circle.png
    python grpc_client.py caption circle.png

Needs the packages grpcio, tensorflow and tensorflow-serving-api.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

TIMEOUT_SECONDS = 60


def predict(
    server: str, model: str, inputs: dict[str, np.ndarray], signature: str = "serving_default"
) -> dict[str, np.ndarray]:
    """Asks for one prediction.

    Args:
      server: such as 127.0.0.1:8500.
      model: its name.
      inputs: arrays by input name, of the signature's types: a list of whole numbers would become
        int32, where most signatures want int64.
      signature: the SavedModel's signature.

    Returns:
      Arrays by output name.

    Raises:
      SystemExit: the server refuses the request, or the model a row of it; with the reason.
    """
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, values in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    with grpc.insecure_channel(server) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            response = stub.Predict(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")
    outputs = {name: tf.make_ndarray(value) for name, value in response.outputs.items()}
    if refused := [error for error in outputs.get("error", []) if error]:
        sys.exit(refused[0].decode("utf-8"))
    return outputs


def paint(server: str, text: str, seed: int) -> bytes:
    """Returns the PNG file of a picture."""
    inputs = {
        "text": np.array([text.encode("utf-8")], object),
        "seed": np.array([seed], np.int64),
        "truncation": np.ones(1, np.float32),
    }
    return predict(server, "generator", inputs, "generate")["image_bytes"][0]


def caption(server: str, picture: bytes) -> str:
    """Returns what the captioner says of a PNG or JPEG file."""
    inputs = {"image_bytes": np.array([picture], object)}
    return predict(server, "captioner", inputs)["caption"][0].decode("utf-8")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--server", default="127.0.0.1:8500")
    commands = parser.add_subparsers(dest="command", required=True)
    painting = commands.add_parser("paint")
    painting.add_argument("text")
    painting.add_argument("--seed", type=int, default=0)
    painting.add_argument("-o", "--output", type=Path, default=Path("picture.png"))
    commands.add_parser("caption").add_argument("picture", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "paint":
        arguments.output.write_bytes(paint(arguments.server, arguments.text, arguments.seed))
        print(arguments.output)
    else:
        print(caption(arguments.server, arguments.picture.read_bytes()))


if __name__ == "__main__":
    main()
