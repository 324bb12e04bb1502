"""From the evaluation's search for copies to report data."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from components.run_report.report_data import CopyFacts, NearPair
from data.base import files

SHOWN = 12


def copy_facts(directory: str, record: Mapping[str, Any]) -> CopyFacts:
    """Reads the pictures that an evaluation's `audit` names.

    Args:
      directory: of the evaluation.
      record: its `audit`: `threshold`, the pairs `generated` and `held_out`, and the quantiles of
        their distances.
    """
    return CopyFacts(
        threshold=record["threshold"],
        generated=_pairs(directory, record["generated"]),
        held_out=_pairs(directory, record["held_out"]),
        generated_distances=tuple(record["generated_distances"]),
        held_out_distances=tuple(record["held_out_distances"]),
    )


def _pairs(directory: str, entries: Sequence[Mapping[str, Any]]) -> tuple[NearPair, ...]:
    return tuple(
        NearPair(
            caption=entry["caption"],
            picture=_base64(directory, entry["png"]),
            training_caption=entry["training_caption"],
            training_picture=_base64(directory, entry["training_png"]),
            ratio=entry["ratio"],
        )
        for entry in entries[:SHOWN]
    )


def _base64(directory: str, name: str) -> str:
    return base64.b64encode(files.read(files.join(directory, name))).decode()
