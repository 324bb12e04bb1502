"""Names of the files in and beside a SavedModel."""

from __future__ import annotations

from pathlib import Path

SIDECAR = Path("assets.extra") / "tuwen"
RECORD = "experiment.json"
WEIGHTS = "weights.weights.h5"
TOKENS = "tokens.txt"
ATTRIBUTES = "attributes.txt"
CARD = "model_card.md"
SUMMARY = "summary.json"
# Servers recognise a SavedModel by this file. Where a folder cannot be renamed, it is copied last.
SAVED_MODEL = "saved_model.pb"
# Written by TensorFlow; contains a random number for each export.
FINGERPRINT = "fingerprint.pb"


def further_weights(part: str) -> str:
    """Name of the file with the weights of a network that is not served, such as a
    discriminator."""
    return f"{part}.weights.h5"
