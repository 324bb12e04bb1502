"""What clients rely on: the signatures of each served model and the names within."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    """Names of a signature's inputs and outputs; no outputs given means any."""

    inputs: frozenset[str]
    outputs: frozenset[str]


def _signature(inputs: str, outputs: str = "") -> Signature:
    return Signature(frozenset(inputs.split()), frozenset(outputs.split()))


_EXAMPLES = _signature("examples")
_ATTRIBUTES = _signature("image_bytes", "name score threshold")

CONTRACT: dict[str, dict[str, Signature]] = {
    "encoder": {
        "serving_default": _ATTRIBUTES,
        "attributes": _ATTRIBUTES,
        "embed_text": _signature("text", "embedding"),
        "embed_image": _signature("image_bytes", "embedding"),
        "examples": _EXAMPLES,
    },
    "captioner": {
        "serving_default": _signature("image_bytes", "caption log_prob"),
        "caption_in": _signature("image_bytes language", "caption log_prob"),
        "explain": _signature("image_bytes", "caption log_prob tokens attention"),
        "examples": _EXAMPLES,
    },
    "generator": {
        "serving_default": _signature("text", "image_bytes text_oov"),
        "generate": _signature("text seed truncation", "image_bytes text_oov"),
        "interpolate": _signature("text other_text seed other_seed share", "image_bytes"),
        "examples": _EXAMPLES,
    },
}
