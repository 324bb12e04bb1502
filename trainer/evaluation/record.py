"""The results of an evaluation, in memory and on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import tensorflow as tf

from data.base.files import write_whole
from trainer.evaluation.audit import CopyAudit
from trainer.evaluation.settings import EvaluationSettings
from trainer.metrics.recognition import Bin
from trainer.metrics.result import LabelFigure, Metric
from trainer.settings_loader import from_mapping

FILE = "metrics.json"
FOLDER = "samples"


@dataclass(frozen=True)
class Generated:
    """A generated picture.

    Attributes:
      caption, language, seed: its prompt, the prompt's language and the seed of its noise.
      png: the file.
      said: the captioner's caption of it; "" without a captioner.
    """

    caption: str
    language: str
    seed: int
    png: bytes
    said: str = ""


@dataclass(frozen=True)
class Captioned:
    """A real test picture and the captioner's caption.

    Attributes:
      image_id: of the test picture.
      png: the picture, at most 256 pixels a side.
      caption: the captioner's caption.
      references: the human captions.
    """

    image_id: str
    png: bytes
    caption: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Evaluation:
    """Metrics and samples of one set of models.

    Attributes:
      settings: of the evaluation.
      metrics: the metrics.
      skipped: by name, why a metric could not be measured.
      generated, captioned: samples for a report.
      labels: metrics of each label of the recogniser.
      reliability: the recogniser's reliability diagram, bins from score 0 to 1.
      timings: seconds by stage.
      audit: pictures and their nearest training pictures; None without a generator.
    """

    settings: EvaluationSettings
    metrics: list[Metric]
    skipped: dict[str, str]
    generated: tuple[Generated, ...]
    captioned: tuple[Captioned, ...]
    labels: tuple[LabelFigure, ...] = ()
    reliability: tuple[Bin, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    audit: CopyAudit | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON-able mapping with the paths of the files that `write` makes in place of
        pictures."""
        return {
            "settings": asdict(self.settings),
            "metrics": [metric.to_json() for metric in self.metrics],
            "skipped": self.skipped,
            "labels": [asdict(label) for label in self.labels],
            "reliability": [asdict(bar) for bar in self.reliability],
            "generated": [_entry(item, "generated", i) for i, item in enumerate(self.generated)],
            "captioned": [_entry(item, "captioned", i) for i, item in enumerate(self.captioned)],
            "timings": self.timings,
            "audit": None if self.audit is None else self.audit.to_json(FOLDER),
        }

    def write(self, directory: str) -> None:
        """Writes `metrics.json` and `samples/*.png` to `directory`, which may be remote.

        `metrics.json` is written last and renamed into place, so it exists only if all other files
        do.
        """
        folder = tf.io.gfile.join(directory, FOLDER)
        tf.io.gfile.makedirs(folder)
        record = self.to_json()
        pictures = [item.png for item in self.generated] + [item.png for item in self.captioned]
        entries = record["generated"] + record["captioned"]
        for entry, picture in zip(entries, pictures, strict=True):
            write_whole(tf.io.gfile.join(directory, entry["png"]), picture)
        for path, picture in (self.audit.files(FOLDER) if self.audit else {}).items():
            write_whole(tf.io.gfile.join(directory, path), picture)
        text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
        write_whole(tf.io.gfile.join(directory, FILE), text.encode("utf-8"))

    @classmethod
    def read(cls, directory: str) -> Evaluation:
        """Reads the output of `write`; raises FileNotFoundError if there is no evaluation."""
        path = tf.io.gfile.join(directory, FILE)
        if not tf.io.gfile.exists(path):
            raise FileNotFoundError(f"{path}: no evaluation was written here")
        record = json.loads(_read(path))

        def items(kind: str) -> list[dict[str, Any]]:
            return [
                {**entry, "png": _read(tf.io.gfile.join(directory, entry["png"]))}
                for entry in record[kind]
            ]

        return cls(
            settings=from_mapping(EvaluationSettings, record["settings"], path, "settings."),
            metrics=[Metric.from_json(metric) for metric in record["metrics"]],
            skipped=record["skipped"],
            labels=tuple(LabelFigure(**label) for label in record.get("labels", ())),
            reliability=tuple(Bin(**bar) for bar in record.get("reliability", ())),
            generated=tuple(Generated(**entry) for entry in items("generated")),
            captioned=tuple(
                Captioned(**{**entry, "references": tuple(entry["references"])})
                for entry in items("captioned")
            ),
            timings=record["timings"],
            audit=_read_audit(directory, record.get("audit")),
        )


def _read_audit(directory: str, record: Mapping[str, Any] | None) -> CopyAudit | None:
    if record is None:
        return None
    return CopyAudit.from_json(record, lambda path: _read(tf.io.gfile.join(directory, path)))


def _entry(item: Generated | Captioned, kind: str, index: int) -> Mapping[str, Any]:
    return {**asdict(item), "png": f"{FOLDER}/{kind}-{index:03d}.png"}


def _read(path: str) -> bytes:
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()
