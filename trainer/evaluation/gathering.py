"""Runs the models over the pictures, once for all figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from data import mining
from data.languages import primary
from data.schema import CaptionedImage
from trainer.evaluation.checks import CaptionReader, exact_check
from trainer.evaluation.described import describe
from trainer.evaluation.evidence import Evidence, Models, Prompts, Timings, Training
from trainer.evaluation.judging import (
    MEAN_IMAGE,
    NEAREST_BY_TEXT,
    Judged,
    Seen,
    look,
    words_for,
)
from trainer.evaluation.mentions import Mentions
from trainer.evaluation.pictures import THUMBNAIL, from_thumbnail, thumbnails
from trainer.evaluation.served import ServedCaptioner, ServedEncoder, ServedGenerator
from trainer.evaluation.settings import EvaluationSettings
from trainer.metrics.extractors.cache import FeatureCache

_SEEDS_PER_RUN = 1_000_000


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
    cache = FeatureCache(settings.cache_dir)
    with timings.stage("look at training pictures"):
        training = _training(served.encoder, train, settings, cache)
        nearest = (text @ training.embedding.T).argmax(1)
        neighbours = [training.records[index].encoded for index in nearest]
        mean = from_thumbnail(training.thumbnails.mean(0), 64)
    generated = captions = fake_captions = None
    if served.generator is not None:
        with timings.stage("generate"):
            generated = served.generator(prompts.texts, prompts.seeds)
    with timings.stage("let the judge look"):
        judged = _judged(served, records, prompts, (text, real), (neighbours, mean), generated)
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
        mean_picture=mean,
        judged=judged,
        cache=cache,
        generated=generated,
        captions=captions,
        fake_captions=fake_captions,
    )


def _judged(
    served: Models,
    records: Sequence[CaptionedImage],
    prompts: Prompts,
    own: tuple[np.ndarray, Seen],
    simple: tuple[Sequence[bytes], bytes],
    generated: Sequence[bytes] | None,
) -> Judged:
    """Shows the judge everything; `own` is what the run's encoder saw, `simple` the baselines."""
    judge, (text, real), (neighbours, mean) = served.judge or served.encoder, own, simple
    if served.judge is not None:
        text = judge.embed_text(prompts.texts)
        real = look(judge, [record.encoded for record in records])
    return Judged(
        encoder=judge,
        words=words_for(served.judge is not None),
        text=text,
        real=real,
        fake=None if generated is None else look(judge, generated),
        baselines={
            MEAN_IMAGE: look(judge, [mean]).repeated(len(records)),
            NEAREST_BY_TEXT: look(judge, neighbours),
        },
    )


def _load(models: Mapping[str, str], settings: EvaluationSettings) -> Models:
    unknown = sorted(set(models) - {"encoder", "captioner", "generator", "judge"})
    if unknown or "encoder" not in models:
        raise ValueError(
            f"models {sorted(models)}: needed is encoder, allowed are captioner, generator, judge"
        )
    size = settings.batch_size
    captioner, generator, judge = (models.get(name) for name in ("captioner", "generator", "judge"))
    return Models(
        ServedEncoder(models["encoder"], size),
        ServedEncoder(judge, size) if judge else None,
        ServedCaptioner(captioner, size) if captioner else None,
        ServedGenerator(generator, size, settings.truncation) if generator else None,
    )


def _subset(records: Sequence[CaptionedImage], count: int, seed: int) -> Sequence[CaptionedImage]:
    if len(records) <= count:
        return records
    chosen = np.random.default_rng(seed).choice(len(records), count, replace=False)
    return [records[index] for index in sorted(chosen)]


def labelled(records: Sequence[CaptionedImage], names: Sequence[str]) -> Sequence[CaptionedImage]:
    """The pictures with mined labels where the recogniser knows no attribute that they carry."""
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
    encoder: ServedEncoder,
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
    cache: FeatureCache,
) -> Training:
    records = _subset(train, settings.train_samples, settings.seed + 2)
    encoded = [record.encoded for record in records]
    seen = cache.arrays(
        encoded, encoder.extractor, lambda: {"embedding": encoder.embed_images(encoded)}
    )
    small = cache.arrays(
        encoded,
        f"thumbnail:{THUMBNAIL}",
        lambda: {"pixels": thumbnails(encoded)},
    )
    return Training(records, seen["embedding"], small["pixels"])
