"""Names of what lies beside a SavedModel, for those who write it and those who read it back."""

from __future__ import annotations

from pathlib import Path

SIDECAR = Path("assets.extra") / "tuwen"
RECORD = "experiment.json"
WEIGHTS = "weights.weights.h5"
TOKENS = "tokens.txt"
ATTRIBUTES = "attributes.txt"
CARD = "model_card.md"
SUMMARY = "summary.json"
# By this file servers know a SavedModel: where a folder cannot be renamed, it is copied last.
SAVED_MODEL = "saved_model.pb"
# Written by TensorFlow: it holds a number that is drawn anew for each export.
FINGERPRINT = "fingerprint.pb"


def further_weights(part: str) -> str:
    """The file with the weights of a network that is not served, such as a discriminator."""
    return f"{part}.weights.h5"
