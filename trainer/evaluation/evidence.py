"""What the figures rest on: pictures, captions, and what the models make of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from data import mining
from data.languages import primary
from data.schema import CaptionedImage
from trainer.evaluation.checks import CaptionReader, ExactCheck, exact_check
from trainer.evaluation.described import Described, describe
from trainer.evaluation.mentions import Mentions
from trainer.evaluation.pictures import from_thumbnail, thumbnail
from trainer.evaluation.served import ServedCaptioner, ServedEncoder, ServedGenerator
from trainer.evaluation.settings import EvaluationSettings

_SEEDS_PER_RUN = 1_000_000


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
    """The models under judgement; captioner and generator may be missing."""

    encoder: ServedEncoder
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
class Seen:
    """What the encoder sees in N pictures: unit vectors [N, d] and attribute scores [N, A]."""

    embedding: np.ndarray
    scores: np.ndarray


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

    `generated`, `fake` and `fake_captions` are None without a generator, `captions` and
    `fake_captions` without a captioner. `captions` are those of the judged pictures, in every
    language that a picture has captions in; `fake_captions` those of the generated ones, one
    each, in the language of its prompt.
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
    neighbours: Seen
    mean_picture: Seen
    generated: list[bytes] | None
    fake: Seen | None
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


def gather(
    models: Mapping[str, str],
    test: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
    timings: Timings,
) -> Evidence:
    """Runs the models over the pictures; see `evaluate` for the arguments."""
    check = exact_check(settings.exact_check) if settings.exact_check else None
    reader: CaptionReader = check or Mentions()
    with timings.stage("load models"):
        served = _load(models, settings)
    records = _subset(test, settings.samples, settings.seed)
    with timings.stage("look at real pictures"):
        real = look(served.encoder, [record.encoded for record in records])
        records = labelled(records, served.encoder.names)
        prompts = _prompts(records, reader, settings)
        text = served.encoder.embed_text(prompts.texts)
    with timings.stage("look at training pictures"):
        training = _training(served.encoder, train, settings)
        nearest = (text @ training.embedding.T).argmax(1)
        neighbours = [training.records[index].encoded for index in nearest]
        neighbours_seen = look(served.encoder, neighbours)
        mean = look(served.encoder, [from_thumbnail(training.thumbnails.mean(0), 64)])
    generated = fake = captions = fake_captions = None
    if served.generator is not None:
        with timings.stage("generate"):
            generated = served.generator(prompts.texts, prompts.seeds)
        with timings.stage("look at generated pictures"):
            fake = look(served.encoder, generated)
    spoken = [[primary(tag) for tag in record.languages] for record in records]
    if served.captioner is not None:
        with timings.stage("caption real pictures"):
            captions = describe(
                served.captioner, [record.encoded for record in records], spoken, spoken
            )
    if served.captioner is not None and generated is not None:
        with timings.stage("caption generated pictures"):
            asked = [[primary(tag)] for tag in prompts.languages]
            fake_captions = describe(served.captioner, generated, spoken, asked)
    return Evidence(
        settings=settings,
        models=served,
        reader=reader,
        check=check,
        records=records,
        prompts=prompts,
        text=text,
        real=real,
        training=training,
        neighbour_pictures=neighbours,
        neighbours=neighbours_seen,
        mean_picture=mean,
        generated=generated,
        fake=fake,
        captions=captions,
        fake_captions=fake_captions,
    )


def look(encoder: ServedEncoder, pictures: Sequence[bytes]) -> Seen:
    """What the encoder sees in PNG or JPEG files."""
    return Seen(encoder.embed_images(pictures), encoder.attributes(pictures))


def _load(models: Mapping[str, str], settings: EvaluationSettings) -> Models:
    unknown = sorted(set(models) - {"encoder", "captioner", "generator"})
    if unknown or "encoder" not in models:
        raise ValueError(
            f"models {sorted(models)}: needed is encoder, allowed are captioner and generator"
        )
    size = settings.batch_size
    captioner, generator = models.get("captioner"), models.get("generator")
    return Models(
        ServedEncoder(models["encoder"], size),
        ServedCaptioner(captioner, size) if captioner else None,
        ServedGenerator(generator, size, settings.truncation) if generator else None,
    )


def _subset(records: Sequence[CaptionedImage], count: int, seed: int) -> Sequence[CaptionedImage]:
    if len(records) <= count:
        return records
    chosen = np.random.default_rng(seed).choice(len(records), count, replace=False)
    return [records[index] for index in sorted(chosen)]


def labelled(records: Sequence[CaptionedImage], names: Sequence[str]) -> Sequence[CaptionedImage]:
    """The pictures, with mined labels where the recogniser knows no attribute that they carry."""
    known = set(names)
    if any(known.intersection(record.attributes) for record in records):
        return records
    return mining.relabel(records, names)


def _prompts(
    records: Sequence[CaptionedImage], reader: CaptionReader, settings: EvaluationSettings
) -> Prompts:
    rng = np.random.default_rng(settings.seed + 1)
    chosen = [int(rng.integers(len(record.captions))) for record in records]
    texts = [record.captions[index] for record, index in zip(records, chosen, strict=True)]
    languages = [record.languages[index] for record, index in zip(records, chosen, strict=True)]
    first = settings.seed * _SEEDS_PER_RUN
    return Prompts(
        texts=texts,
        languages=languages,
        seeds=list(range(first, first + len(records))),
        wanted=[
            reader.wanted(text, language, record.attributes)
            for text, language, record in zip(texts, languages, records, strict=True)
        ],
        meanings=[
            reader.meaning(text, language) for text, language in zip(texts, languages, strict=True)
        ],
    )


def _training(
    encoder: ServedEncoder, train: Sequence[CaptionedImage], settings: EvaluationSettings
) -> Training:
    records = _subset(train, settings.train_samples, settings.seed + 2)
    embedding, thumbnails = [], []
    for start in range(0, len(records), settings.batch_size):
        encoded = [record.encoded for record in records[start : start + settings.batch_size]]
        embedding.append(encoder.embed_images(encoded))
        thumbnails.append(np.stack([thumbnail(picture) for picture in encoded]))
    return Training(records, np.concatenate(embedding), np.concatenate(thumbnails))
