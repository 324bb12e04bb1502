"""The page beside a model that says what it is, what it takes and what it needs."""

from __future__ import annotations

from collections.abc import Mapping

from data.prepared import PreparedData
from trainer.config import Experiment


def model_card(
    stage: str,
    experiment: Experiment,
    prepared: PreparedData,
    weights: int,
    foreign: Mapping[str, frozenset[str]],
) -> str:
    """Returns the page as Markdown.

    Args:
      stage: `encoder`, `captioner` or `generator`.
      experiment, prepared: what it was trained with.
      weights: their number.
      foreign: by signature, the operations that are not TensorFlow's own.
    """
    data, takes = experiment.data, experiment.export
    needing = sorted(name for name, operations in foreign.items() if operations)
    needs = "needed by no signature" if not needing else f"needed by {', '.join(needing)}"
    compressed = f"- LiteRT: {', '.join(takes.compressed)}" if takes.compressed else ""
    lines = [
        f"# {experiment.name}: {stage}",
        "",
        f"- Weights: {weights:,} in float32",
        f"- Pictures: {data.resolution} x {data.resolution} RGB",
        f"- Vocabulary: {prepared.tokens.size:,} tokens, "
        f"captions of at most {data.max_length} of them",
        f"- Attributes: {len(prepared.attributes):,}",
        f"- Data fingerprint: {prepared.fingerprint()}",
        f"- Signatures: {', '.join(sorted(foreign))}",
        f"- tensorflow_text: {needs}",
        f"- Takes captions of up to {takes.caption_bytes:,} bytes, picture files of up to "
        f"{takes.picture_bytes:,} bytes and {takes.picture_pixels:,} pixels",
        f"- Computes {takes.chunk} rows at a time",
        *([compressed] if compressed and stage != "encoder" else []),
        "- Trained on the captioned pictures of one data set; outside of it, expect nothing. "
        "The `text_oov` output of the generator is the share of words it has never seen.",
    ]
    return "\n".join([*lines, ""])
