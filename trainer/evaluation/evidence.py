"""What the figures rest on: pictures, captions, and what the models make of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter

import numpy as np

from data.schema import CaptionedImage
from trainer.evaluation.checks import CaptionReader, ExactCheck
from trainer.evaluation.described import Described
from trainer.evaluation.judging import Judged, Seen
from trainer.evaluation.pictures import thumbnails
from trainer.evaluation.served import ServedCaptioner, ServedEncoder, ServedGenerator
from trainer.evaluation.settings import EvaluationSettings
from trainer.metrics.extractors.cache import FeatureCache
from trainer.metrics.memorisation import Memorisation, memorisation


class NotMeasured(Exception):
    """A figure that these models and data do not allow; the message says why."""


@dataclass
class Timings:
    """Seconds by stage, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time of the block to stage `name`."""
        start = perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start


@dataclass(frozen=True)
class Models:
    """The models under judgement; captioner and generator may be missing, and so may the judge."""

    encoder: ServedEncoder
    judge: ServedEncoder | None
    captioner: ServedCaptioner | None
    generator: ServedGenerator | None


@dataclass(frozen=True)
class Prompts:
    """One caption of each judged picture.

    Attributes:
      texts, languages: the captions and their BCP-47 tags, N of each.
      seeds: of the generator's noise, N.
      wanted: attributes that the picture must show, by the caption.
      meanings: equal for captions that say the same.
    """

    texts: list[str]
    languages: list[str]
    seeds: list[int]
    wanted: list[tuple[str, ...]]
    meanings: list


@dataclass(frozen=True)
class Training:
    """The training pictures that are searched for neighbours.

    Attributes:
      records: M captioned pictures.
      embedding: float32 [M, d].
      thumbnails: uint8 [M, P].
    """

    records: Sequence[CaptionedImage]
    embedding: np.ndarray
    thumbnails: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """Everything that the figures are computed from; N judged pictures.

    `text`, `real` and `training` are as the run's encoder sees them, `judged` is for generated
    pictures. `generated` and `fake_captions` are None without a generator, `captions` and
    `fake_captions` without a captioner. `captions` are those of the judged pictures, in every
    language that a picture has captions in; `fake_captions` those of the generated ones, one
    each, in the language of its prompt. `neighbour_pictures` are, of each prompt, the training
    picture nearest to it, and `mean_picture` is the mean training picture.
    """

    settings: EvaluationSettings
    models: Models
    reader: CaptionReader
    check: ExactCheck | None
    records: Sequence[CaptionedImage]
    prompts: Prompts
    text: np.ndarray
    real: Seen
    training: Training
    neighbour_pictures: list[bytes]
    mean_picture: bytes
    judged: Judged
    cache: FeatureCache
    generated: list[bytes] | None
    captions: list[Described] | None
    fake_captions: list[Described] | None

    @property
    def names(self) -> tuple[str, ...]:
        """Attributes that the recogniser knows."""
        return self.models.encoder.names

    @property
    def thresholds(self) -> np.ndarray:
        """float32 [A], from which score on each of `names` counts as present."""
        return self.models.encoder.thresholds

    @property
    def test_pictures(self) -> list[bytes]:
        """The files of the judged test pictures."""
        return [record.encoded for record in self.records]

    @cached_property
    def memorised(self) -> Memorisation:
        """The search for copies; raises NotMeasured without a generator."""
        if self.generated is None:
            raise NotMeasured("there is no generator")
        return memorisation(
            thumbnails(self.generated),
            thumbnails(self.test_pictures),
            self.training.thumbnails,
            seed=self.settings.seed,
        )

    def training_embedding(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """float32 [rows, d], training pictures in the judge's space."""
        if self.models.judge is None:
            return self.training.embedding[rows]
        return self.models.judge.embed_images([self.training.records[row].encoded for row in rows])
