"""Metrics of generated pictures as a set: distances to real ones, diversity, memorisation."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from data.base.graphs import graph
from data.images import preprocess_batch
from trainer.augment import GAP_PICTURES
from trainer.evaluation.figures import figure, sample_name
from trainer.evaluation.inputs import (
    MEAN_IMAGE,
    NEAREST_BY_TEXT,
    THUMBNAIL,
    Evidence,
    NotMeasured,
    decode,
    thumbnails,
)
from trainer.metrics.distribution import (
    DENSITY_K,
    PRECISION_K,
    cover,
    fid,
    fid_interval,
    inception_score,
    kid,
)
from trainer.metrics.diversity import (
    DUPLICATE_LEVEL,
    LEVEL,
    NEIGHBOURS,
    duplicates,
    mean_distance,
    nearest_training,
    prompt_diversity,
)
from trainer.metrics.extractors import Inception, RandomConvnet, identity
from trainer.metrics.intervals import Estimate
from trainer.metrics.result import Metric

# Feature spaces in which real and generated pictures are compared.


_BATCH = 64


@dataclass(frozen=True)
class Space:
    """Features of N pictures of each kind.

    Attributes:
      name: part of the names of metrics.
      extractor: name, colon and digest of the extractor.
      words: description of the space, for protocols.
      real, fake: float [N, d], of test pictures and of those generated from their captions.
      training: float [N or fewer, d], of training pictures, for the ceiling.
      baselines: by name, float [N, d], of pictures that need no generator.
      classes: by kind, class probabilities float [N, C]; {} if the extractor has none.
    """

    name: str
    extractor: str
    words: str
    real: np.ndarray
    fake: np.ndarray
    training: np.ndarray
    baselines: dict[str, np.ndarray]
    classes: dict[str, np.ndarray] = field(default_factory=dict)


def judges_space(evidence: Evidence) -> Space:
    """The judge's space; there must be generated pictures.

    Unit vectors are scaled to a mean square of 1 over the dimensions for KID's cubic kernel:
    unscaled, x.y / d is near 0 and the kernel almost linear.
    """
    judged = evidence.judged
    assert judged.fake is not None
    return Space(
        name="encoder",
        extractor=judged.encoder.extractor,
        words=f"the space of {judged.words} (unit vectors times the root of their width)",
        real=_scaled(judged.real.embedding),
        fake=_scaled(judged.fake.embedding),
        training=_scaled(evidence.training_embedding(_training_rows(evidence))),
        baselines={name: _scaled(seen.embedding) for name, seen in judged.baselines.items()},
    )


def pixel_spaces(evidence: Evidence) -> Iterator[Space]:
    """Yields the spaces of networks that were not trained on this data.

    Pictures are first resized to the resolution of the generated ones, as for the models.
    """
    yield _pixel_space(
        evidence,
        RandomConvnet(),
        "the space of a convolutional network of fixed random weights",
    )
    weights = evidence.settings.inception_weights
    if weights is not None:
        yield _pixel_space(
            evidence, Inception(weights), f"the space of InceptionV3 with the weights of {weights}"
        )


def _pixel_space(evidence: Evidence, extractor: RandomConvnet | Inception, words: str) -> Space:
    assert evidence.generated is not None
    side = decode(evidence.generated[0]).shape[0]
    name = identity(extractor)

    def seen(pictures: Sequence[bytes]) -> dict[str, np.ndarray]:
        return _seen(extractor, _pixels(pictures, side))

    def reference(pictures: Sequence[bytes]) -> dict[str, np.ndarray]:
        return evidence.cache.arrays(pictures, f"{name}@{side}", lambda: seen(pictures))

    n, records = len(evidence.records), evidence.training.records
    chosen = [records[row].encoded for row in _training_rows(evidence)]
    sets = {
        "real": reference(evidence.test_pictures),
        "training": reference(chosen),
        "fake": seen(evidence.generated),
        MEAN_IMAGE: {key: np.repeat(x, n, 0) for key, x in seen([evidence.mean_picture]).items()},
        NEAREST_BY_TEXT: seen(evidence.neighbour_pictures),
    }
    features = {key: arrays["features"] for key, arrays in sets.items()}
    return Space(
        name=extractor.name,
        extractor=name,
        words=f"{words}, pictures of {side} pixels",
        baselines={key: features.pop(key) for key in (MEAN_IMAGE, NEAREST_BY_TEXT)},
        classes={key: arrays["classes"] for key, arrays in sets.items() if "classes" in arrays},
        **features,
    )


def _seen(extractor: RandomConvnet | Inception, pictures: np.ndarray) -> dict[str, np.ndarray]:
    if isinstance(extractor, Inception):
        features, classes = extractor.look(pictures)
        return {"features": features} | ({} if classes is None else {"classes": classes})
    return {"features": extractor(pictures)}


def _pixels(pictures: Sequence[bytes], side: int) -> np.ndarray:
    """Decodes PNG or JPEG files to uint8 [N, side, side, 3]."""
    parts = [
        _decoded(tf.constant(pictures[start : start + _BATCH]), side).numpy()
        for start in range(0, len(pictures), _BATCH)
    ]
    return np.concatenate(parts)


_decoded = graph(preprocess_batch, reduce_retracing=True)


def _training_rows(evidence: Evidence) -> np.ndarray:
    rng = np.random.default_rng(evidence.settings.seed)
    return rng.permutation(len(evidence.training.records))[: len(evidence.records)]


def _scaled(embedding: np.ndarray) -> np.ndarray:
    return np.asarray(embedding, np.float64) * np.sqrt(embedding.shape[1])


# KID, FID, inception score, precision, recall, density and coverage.


_MEANINGS = {
    "precision": "Share of generated pictures that lie in the ball of some real one",
    "recall": "Share of real pictures that lie in the ball of some generated one",
    "density": "Mean number of balls of real pictures around a generated one, over k",
    "coverage": "Share of real pictures whose ball holds some generated one",
}


def distances(evidence: Evidence) -> list[Metric]:
    """`kid_..._n...` and `fid_..._n...` in each space, and the inception score."""
    _require_pictures(evidence)
    found = _distances(evidence, judges_space(evidence))
    for space in pixel_spaces(evidence):
        found += _distances(evidence, space)
        if space.classes:
            found.append(_inception_score(evidence, space))
    return found


def coverage(evidence: Evidence) -> list[Metric]:
    """`precision_k3`, `recall_k3`, `density_k5` and `coverage_k5`, in the judge's space."""
    _require_pictures(evidence)
    space, seed = judges_space(evidence), evidence.settings.seed
    least = max(PRECISION_K, DENSITY_K) + 1
    if min(len(space.real), len(space.training)) < least:
        raise NotMeasured(f"it takes {least} test pictures and training pictures or more")
    estimates = cover(space.real, space.fake).estimates(seed)
    ceilings = cover(space.real, space.training).values() if _even(space) else {}
    others = {name: cover(space.real, x).values() for name, x in space.baselines.items()}
    neighbours = {"precision": PRECISION_K, "recall": PRECISION_K}
    found = []
    for name, meaning in _MEANINGS.items():
        k = neighbours.get(name, DENSITY_K)
        found.append(
            figure(
                evidence,
                f"{name}_k{k}",
                estimates[name],
                f"{meaning}; balls reach to the picture's {_ordinal(k)} nearest of its own set. "
                f"{_pairs(evidence, space)}.",
                n=len(space.real),
                ceiling=ceilings.get(name),
                baselines={other: values[name] for other, values in others.items()},
                extractor=space.extractor,
            )
        )
    return found


def _require_pictures(evidence: Evidence) -> None:
    if evidence.generated is None:
        raise NotMeasured("there is no generator")


def _distances(evidence: Evidence, space: Space) -> list[Metric]:
    n, seed = len(space.real), evidence.settings.seed

    def of(
        name: str, measured, distance: Callable[..., float], words: str, ceiling: bool = True
    ) -> Metric:
        return figure(
            evidence,
            f"{name}_{space.name}_{sample_name(n)}",
            measured,
            f"{words}: {_pairs(evidence, space)}.",
            n=n,
            ceiling=distance(space.real, space.training) if ceiling else None,
            higher_is_better=False,
            baselines={key: distance(space.real, x) for key, x in space.baselines.items()},
            extractor=space.extractor,
        )

    return [
        of(
            "kid",
            kid(space.real, space.fake, seed=seed),
            lambda real, fake: kid(real, fake, rounds=0).value,
            "Unbiased squared MMD with kernel (x.y / d + 1)^3",
        ),
        of(
            "fid",
            fid_interval(space.real, space.fake, seed=seed),
            fid,
            "Squared Frechet distance of Gaussians, biased upwards by small N",
            _even(space),
        ),
    ]


def _inception_score(evidence: Evidence, space: Space) -> Metric:
    seed, classes = evidence.settings.seed, space.classes
    return figure(
        evidence,
        f"inception_score_{sample_name(len(space.fake))}",
        inception_score(classes["fake"], seed=seed),
        f"exp of the mean KL(p(y|x) || p(y)) over {len(space.fake)} generated pictures at once, "
        f"classes of ImageNet in {space.words}; the ceiling is the test pictures.",
        n=len(space.fake),
        chance=1.0,
        ceiling=inception_score(classes["real"], rounds=0).value,
        baselines={
            name: inception_score(classes[name], rounds=0).value
            for name in (MEAN_IMAGE, NEAREST_BY_TEXT)
        },
        extractor=space.extractor,
    )


def _even(space: Space) -> bool:
    """Whether there are as many training as generated pictures: otherwise metrics that depend on
    the number of pictures have no ceiling."""
    return len(space.training) == len(space.fake)


def _pairs(evidence: Evidence, space: Space) -> str:
    n = len(space.real)
    return (
        f"{n} pictures generated from one caption each of {n} test pictures, against those test "
        f"pictures, in {space.words}; the ceiling, if there is one, is {len(space.training)} "
        "training pictures against the same test pictures"
    )


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")


# Prompt diversity, duplicates, memorisation and the overfitting of the discriminator.


# Baseline: the value of real pictures, where that is not a ceiling.
REAL = "real_pictures"
_LEAST_GROUPS = 10
# Training pictures that share a caption: with more, their diversity hardly changes.
_ALIKE = 1000


def diversity(evidence: Evidence) -> list[Metric]:
    """`prompt_diversity`: pictures of one prompt under several seeds."""
    generator, judged = evidence.models.generator, evidence.judged
    if generator is None:
        raise NotMeasured("there is no generator")
    settings, prompts = evidence.settings, evidence.prompts
    first = {meaning: row for row, meaning in reversed(list(enumerate(prompts.meanings)))}
    texts = [prompts.texts[row] for row in sorted(first.values())[: settings.diversity_prompts]]
    each = settings.diversity_samples
    seeds = [prompts.seeds[0] + number for number in range(each)] * len(texts)
    pictures = generator([text for text in texts for _ in range(each)], seeds)
    features = judged.encoder.embed_images(pictures).reshape(len(texts), each, -1)
    return [
        figure(
            evidence,
            "prompt_diversity",
            prompt_diversity(features, judged.real.embedding, seed=settings.seed),
            f"Mean distance among {each} seeds of one prompt, over {len(texts)} prompts, divided "
            f"by the mean distance among real test pictures, in the space of {judged.words}: 0 "
            "where the noise does not matter, 1 where the prompt does not. real_pictures is the "
            "same for training pictures that share a caption.",
            n=len(pictures),
            higher_is_better=None,
            # They give the same picture for every seed.
            baselines={**_real_diversity(evidence), MEAN_IMAGE: 0.0, NEAREST_BY_TEXT: 0.0},
            extractor=judged.encoder.extractor,
        )
    ]


def alike(evidence: Evidence) -> list[Metric]:
    """`duplicate_rate`: fraction of generated pictures that nearly duplicate another one."""
    if evidence.generated is None:
        raise NotMeasured("there is no generator")
    seed, real = evidence.settings.seed, thumbnails(evidence.test_pictures)
    found = duplicates(thumbnails(evidence.generated), real, seed=seed)
    neighbours = duplicates(thumbnails(evidence.neighbour_pictures), real, seed=seed)
    return [
        figure(
            evidence,
            "duplicate_rate",
            found.estimate,
            "Share of generated pictures whose nearest other generated one, by pixels "
            f"({THUMBNAIL} x {THUMBNAIL}), is nearer than all but {DUPLICATE_LEVEL:.0%} of test "
            "pictures have another test picture, which makes real_pictures about "
            f"{DUPLICATE_LEVEL} by itself.",
            n=len(evidence.generated),
            higher_is_better=False,
            baselines={
                REAL: found.real,
                MEAN_IMAGE: 1.0,
                NEAREST_BY_TEXT: neighbours.estimate.value,
            },
        )
    ]


def copies(evidence: Evidence) -> list[Metric]:
    """`memorisation`: fraction of generated pictures suspiciously close to a training picture."""
    found, training = evidence.memorised, evidence.training.thumbnails
    simple = {
        MEAN_IMAGE: nearest_training(thumbnails([evidence.mean_picture]), training),
        NEAREST_BY_TEXT: nearest_training(thumbnails(evidence.neighbour_pictures), training),
    }
    return [
        figure(
            evidence,
            "memorisation",
            found.estimate,
            f"Share of generated pictures whose pixel distance ({THUMBNAIL} x {THUMBNAIL}) to the "
            f"nearest of {len(training)} training pictures, relative to the mean of the "
            f"{NEIGHBOURS} nearest, is below that of all but {LEVEL:.0%} of test pictures, which "
            f"makes real_pictures about {LEVEL} by itself.",
            n=len(found.generated.row),
            higher_is_better=False,
            baselines={REAL: found.held_out_share}
            | {
                name: float((nearest.ratio <= found.threshold).mean())
                for name, nearest in simple.items()
            },
        )
    ]


def overfitting(evidence: Evidence) -> list[Metric]:
    """`discriminator_gap`: overfitting of the discriminator, as measured in training."""
    if evidence.models.generator is None:
        raise NotMeasured("there is no generator")
    summary = evidence.models.generator.training()
    if summary is None or "discriminator_gap" not in summary["validation"]:
        raise NotMeasured("the generator's export tells of no discriminator")
    n = min(GAP_PICTURES, summary["held_out"])
    value = summary["validation"]["discriminator_gap"]
    return [
        figure(
            evidence,
            "discriminator_gap",
            Estimate(value, math.nan, math.nan),
            f"How far the discriminator's mean logit of {n} validation pictures has gone from "
            "that of training pictures (0) towards that of generated ones (1), at the end of "
            "training (Karras et al. 2020, equation 1, r_v); the ceiling is one that treats both "
            "alike.",
            n=n,
            split="val",
            ceiling=0.0,
            higher_is_better=False,
        )
    ]


def _real_diversity(evidence: Evidence) -> dict[str, float]:
    """`prompt_diversity` of real pictures that share a caption; {} if there are too few."""
    groups = defaultdict(list)
    for row, record in enumerate(evidence.training.records):
        for caption, language in zip(record.captions, record.languages, strict=True):
            groups[evidence.reader.meaning(caption, language)].append(row)
    alike = [rows for rows in (sorted(set(rows)) for rows in groups.values()) if len(rows) > 1]
    if len(alike) < _LEAST_GROUPS:
        return {}
    counted = np.cumsum([len(rows) for rows in alike])
    alike = alike[: max(_LEAST_GROUPS, int(np.searchsorted(counted, _ALIKE)))]
    rows = sorted({row for group in alike for row in group})
    seen = dict(zip(rows, evidence.training_embedding(rows), strict=True))
    within = np.mean([mean_distance(np.stack([seen[row] for row in group])) for group in alike])
    return {REAL: float(within / mean_distance(evidence.judged.real.embedding))}
