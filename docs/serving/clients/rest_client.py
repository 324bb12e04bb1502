"""A picture from a caption, and a caption from a picture, over TensorFlow Serving's REST interface.

    python rest_client.py paint 'a red circle' -o circle.png
    python rest_client.py caption circle.png

Needs the package requests.
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path

import requests

TIMEOUT_SECONDS = 60


def predict(server: str, model: str, inputs: dict, signature: str = "serving_default") -> dict:
    """Asks for one prediction in columnar format.

    Args:
      server: such as http://127.0.0.1:8501.
      model: its name, or with a version or label `generator/labels/canary`.
      inputs: lists by input name; bytes as {"b64": ...}.
      signature: the SavedModel's signature.

    Returns:
      Lists by output name.

    Raises:
      SystemExit: the server refuses the request, or the model a row of it; with the reason.
    """
    answer = requests.post(
        f"{server}/v1/models/{model}:predict",
        json={"signature_name": signature, "inputs": inputs},
        timeout=TIMEOUT_SECONDS,
    )
    if not answer.ok:
        sys.exit(f"{answer.status_code}: {answer.json()['error']}")
    outputs = answer.json()["outputs"]
    if refused := [error for error in outputs.get("error", []) if error]:
        sys.exit(refused[0])
    return outputs


def paint(server: str, text: str, seed: int) -> bytes:
    """Returns the PNG file of a picture."""
    inputs = {"text": [text], "seed": [seed], "truncation": [1.0]}
    return base64.b64decode(
        predict(server, "generator", inputs, "generate")["image_bytes"][0]["b64"]
    )


def caption(server: str, picture: bytes) -> str:
    """Returns what the captioner says of a PNG or JPEG file."""
    inputs = {"image_bytes": [{"b64": base64.b64encode(picture).decode("ascii")}]}
    return predict(server, "captioner", inputs)["caption"][0]


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--server", default="http://127.0.0.1:8501")
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
