"""Real and generated pictures as features in each space that they are compared in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from data.graphs import graph
from data.images import preprocess_batch
from trainer.evaluation.evidence import Evidence
from trainer.evaluation.judging import MEAN_IMAGE, NEAREST_BY_TEXT
from trainer.evaluation.pictures import decode
from trainer.metrics.extractors.base import identity
from trainer.metrics.extractors.inception import Inception
from trainer.metrics.extractors.random_convnet import RandomConvnet

_BATCH = 64


@dataclass(frozen=True)
class Space:
    """N pictures of each kind as rows of features.

    Attributes:
      name: as it stands in the names of figures.
      extractor: the name, a colon and a digest.
      words: what the space is, for protocols.
      real, fake: [N, d] of test pictures and of those generated for them.
      training: [N or fewer, d] of training pictures, which give the ceiling.
      baselines: [N, d] of pictures that need no generator, by name.
      classes: probabilities [N, C] by the same names, where the space has them.
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
    """The space of the judge; there must be generated pictures.

    Unit vectors are scaled to a mean square of 1 in each dimension, which KID's cubic kernel needs:
    unscaled, x.y / d is near 0 and the kernel all but linear.
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
    """The spaces of networks that know neither the data nor the captions.

    Pictures are brought to the side of the generated ones first, as the models see them.
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
    """uint8 [N, side, side, 3] of PNG or JPEG files."""
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
