"""The model card of every SavedModel: purpose, data, settings, limits, licence, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainer.config import Experiment
from trainer.settings_loader import to_mapping

# The section after this heading is replaced when the model is evaluated.
FIGURES = "## Figures"
LIMITS = "## Limits"
LICENCE = "## Licence"
# The licence in setup.py.
CODE_LICENCE = "Apache-2.0"

_WHAT = {
    "encoder": "Puts pictures and captions into one space of unit vectors, and recognises "
    "attributes of pictures.",
    "captioner": "Describes pictures in words, in every language of its training captions. It "
    "looks through the encoder of the same run.",
    "generator": "Paints pictures of captions. It reads them through the encoder of the same run.",
}
_LIMITS = {
    "encoder": "An attribute counts as present from its own threshold, chosen on held-out "
    "pictures of the same data; on other pictures the thresholds may not hold.",
    "captioner": "It says what is usual: rare things are missed, and what it says may be wrong. "
    "A caption is no proof of what a picture shows.",
    "generator": "Words that it has never seen have no effect; its output `text_oov` is their "
    "share. Its pictures show nothing that has happened, and may repeat what training pictures "
    "show: see `memorisation` below.",
}


def model_card(
    stage: str,
    experiment: Experiment,
    *,
    parameters: int,
    tokens: int,
    attributes: int,
    fingerprint: str,
    foreign: Mapping[str, frozenset[str]],
) -> str:
    """Returns the card of a model that has not been evaluated, as Markdown.

    Args:
      stage: `encoder`, `captioner` or `generator`.
      experiment: what it was trained with.
      parameters: number of its parameters.
      tokens, attributes: sizes of its vocabularies.
      fingerprint: of the prepared data.
      foreign: by signature, the operations that TensorFlow lacks.
    """
    data, takes = experiment.data, experiment.export
    needing = ", ".join(sorted(name for name, operations in foreign.items() if operations))
    compressed = () if stage == "encoder" else takes.compressed
    return "\n".join(
        [
            f"# {experiment.name}: {stage}",
            "",
            _WHAT[stage],
            "",
            f"- Weights: {parameters:,} in float32",
            f"- Pictures: {data.resolution} x {data.resolution} RGB",
            f"- Signatures: {', '.join(sorted(foreign))}",
            f"- tensorflow_text: needed by {needing or 'no signature'}",
            f"- Takes captions of up to {takes.caption_bytes:,} bytes, picture files of up to "
            f"{takes.picture_bytes:,} bytes and {takes.picture_pixels:,} pixels",
            f"- Computes {takes.chunk} rows at a time",
            *([f"- LiteRT: {', '.join(compressed)}"] if compressed else []),
            "",
            "## Data",
            "",
            f"- Data fingerprint: {fingerprint}",
            f"- Vocabulary: {tokens:,} tokens, captions of at most {data.max_length} of them",
            f"- Attributes: {attributes:,}",
            "",
            "## Training settings",
            "",
            *_settings(stage, experiment),
            "",
            LIMITS,
            "",
            "- Trained on the captioned pictures of one data set; outside of it, expect nothing.",
            "- What is rare, wrong or unfair in that data is so in the model.",
            f"- {_LIMITS[stage]}",
            "",
            LICENCE,
            "",
            f"- Code: Tuwen, {CODE_LICENCE}, copyright The Tuwen Authors. That licence covers the "
            "program, not these weights.",
            "- Weights: not stated. They derive from the training data: its licence, and the "
            "consent of those whom its pictures show, bind their use. State here what applies "
            "before you pass the model on.",
            "",
            FIGURES,
            "",
            "Not measured when this was exported; `tuwen evaluate` measures it.",
            "",
        ]
    )


def with_start(card: str, lines: Sequence[str]) -> str:
    """Returns `card` with a section before the limits that lists the sources of the warm start."""
    head, limits, tail = card.partition(f"\n{LIMITS}\n")
    return "\n".join([head, "## Start", "", *(f"- {line}" for line in lines)]) + f"\n{limits}{tail}"


def with_figures(card: str, lines: Sequence[str]) -> str:
    """Returns `card` with `lines` in place of its last section, the metrics."""
    head = card.partition(f"\n{FIGURES}\n")[0].rstrip("\n")
    return "\n".join([head, "", FIGURES, "", *lines, ""])


def _settings(stage: str, experiment: Experiment) -> list[str]:
    """One line for each setting that this stage uses."""
    values = to_mapping(experiment)
    sections = dict.fromkeys(("data", "encoder", stage, "training"))
    return [
        f"- `{section}.{key}`: {_plain(value)}"
        for section in sections
        for key, value in values[section].items()
    ]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
