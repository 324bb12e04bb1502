"""What clients rely on: the signatures of each served model and the names within."""

from __future__ import annotations

from dataclasses import dataclass

# The output that says of each row what is wrong with it; empty where it is well.
ERROR = "error"


@dataclass(frozen=True)
class Signature:
    """Names of a signature's inputs and outputs."""

    inputs: frozenset[str]
    outputs: frozenset[str]


def _signature(inputs: str, outputs: str) -> Signature:
    return Signature(frozenset(inputs.split()), frozenset([*outputs.split(), ERROR]))


_NAMED, _SAID, _PAINTED = "name score threshold", "caption log_prob", "image_bytes text_oov"

CONTRACT: dict[str, dict[str, Signature]] = {
    "encoder": {
        "serving_default": _signature("image_bytes", _NAMED),
        "attributes": _signature("image_bytes", _NAMED),
        "embed_text": _signature("text", "embedding"),
        "embed_image": _signature("image_bytes", "embedding"),
        "examples": _signature("examples", _NAMED),
    },
    "captioner": {
        "serving_default": _signature("image_bytes", _SAID),
        "caption_in": _signature("image_bytes language", _SAID),
        "explain": _signature("image_bytes", f"{_SAID} tokens attention"),
        "examples": _signature("examples", _SAID),
    },
    "generator": {
        "serving_default": _signature("text", _PAINTED),
        "generate": _signature("text seed truncation", _PAINTED),
        "interpolate": _signature("text other_text seed other_seed share", "image_bytes"),
        "examples": _signature("examples", _PAINTED),
    },
}

# By output of a compressed model, how far it may be from the model that it was made of: the mean
# difference of pixels, of 1, and the share of words. Worse is broken, not coarse.
COMPRESSED_LIMITS = {"picture": 0.05, "ids": 0.5}
