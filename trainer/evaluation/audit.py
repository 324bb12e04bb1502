"""Pictures and their nearest training pictures, for visual inspection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trainer.evaluation.inputs import Evidence, NotMeasured, small_png
from trainer.metrics.diversity import Nearest

PAIRS = 12
QUANTILES = 21


@dataclass(frozen=True)
class NearestPair:
    """A picture and its nearest training picture.

    Attributes:
      caption: the prompt of a generated picture, or the first caption of a test picture.
      png: the picture, at most 256 pixels a side.
      training_id, training_caption, training_png: of the training picture.
      distance: root mean square difference of their thumbnails, in grey levels of 0 to 255.
      ratio: that distance divided by the mean distance to the nearest training pictures; 0 for a
        copy.
    """

    caption: str
    png: bytes
    training_id: str
    training_caption: str
    training_png: bytes
    distance: float
    ratio: float


@dataclass(frozen=True)
class CopyAudit:
    """The pictures and distances behind the metric `memorisation`.

    Attributes:
      threshold: ratios up to this value count as copies.
      generated, held_out: the pairs of generated and of test pictures with the lowest ratios, in
        ascending order. The latter show how close pictures are without copying.
      generated_distances, held_out_distances: 21 quantiles of the distances of all pictures, from
        minimum to maximum.
    """

    threshold: float
    generated: tuple[NearestPair, ...]
    held_out: tuple[NearestPair, ...]
    generated_distances: tuple[float, ...]
    held_out_distances: tuple[float, ...]

    def to_json(self, folder: str) -> dict[str, Any]:
        """A JSON-able mapping with the paths of `files` in place of pictures."""
        record = asdict(self)
        for kind in ("generated", "held_out"):
            for i, pair in enumerate(record[kind]):
                pair["png"], pair["training_png"] = _paths(folder, kind, i)
        return record

    def files(self, folder: str) -> dict[str, bytes]:
        """The PNG files by path."""
        found: dict[str, bytes] = {}
        for kind in ("generated", "held_out"):
            for i, pair in enumerate(getattr(self, kind)):
                own, training = _paths(folder, kind, i)
                found |= {own: pair.png, training: pair.training_png}
        return found

    @classmethod
    def from_json(cls, record: Mapping[str, Any], read: Callable[[str], bytes]) -> CopyAudit:
        """Reads the output of `to_json`; `read` returns the contents of the file at a path."""

        def pairs(kind: str) -> tuple[NearestPair, ...]:
            pictures = ("png", "training_png")
            return tuple(
                NearestPair(**entry | {key: read(entry[key]) for key in pictures})
                for entry in record[kind]
            )

        return cls(
            threshold=record["threshold"],
            generated=pairs("generated"),
            held_out=pairs("held_out"),
            generated_distances=tuple(record["generated_distances"]),
            held_out_distances=tuple(record["held_out_distances"]),
        )


def copy_audit(evidence: Evidence) -> CopyAudit | None:
    """The most suspicious pairs, or None without a generator."""
    try:
        found = evidence.memorised
    except NotMeasured:
        return None
    first = [record.captions[0] for record in evidence.records]
    generated = evidence.generated or []
    return CopyAudit(
        threshold=found.threshold,
        generated=_pairs(evidence, found.generated, generated, evidence.prompts.texts),
        held_out=_pairs(evidence, found.held_out, evidence.test_pictures, first),
        generated_distances=_quantiles(evidence, found.generated),
        held_out_distances=_quantiles(evidence, found.held_out),
    )


def _pairs(
    evidence: Evidence, nearest: Nearest, pictures: Sequence[bytes], captions: Sequence[str]
) -> tuple[NearestPair, ...]:
    pairs, distances = [], _in_grey_levels(evidence, nearest)
    for row in nearest.suspicious(PAIRS):
        training = evidence.training.records[int(nearest.row[row])]
        pairs.append(
            NearestPair(
                caption=captions[row],
                png=small_png(pictures[row]),
                training_id=training.image_id,
                training_caption=training.captions[0],
                training_png=small_png(training.encoded),
                distance=float(distances[row]),
                ratio=float(nearest.ratio[row]),
            )
        )
    return tuple(pairs)


def _quantiles(evidence: Evidence, nearest: Nearest) -> tuple[float, ...]:
    places = np.linspace(0.0, 1.0, QUANTILES)
    found = np.quantile(_in_grey_levels(evidence, nearest), places)
    return tuple(float(value) for value in found)


def _in_grey_levels(evidence: Evidence, nearest: Nearest) -> np.ndarray:
    return nearest.distance / np.sqrt(evidence.training.thumbnails.shape[1])


def _paths(folder: str, kind: str, index: int) -> tuple[str, str]:
    """Paths of a pair's own picture and of its training picture."""
    stem = f"{folder}/pair-{kind}-{index:03d}"
    return f"{stem}.png", f"{stem}-training.png"
