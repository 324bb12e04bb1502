"""Extracts the facts for the checks from examples, with the models' decoder; needs no TFX."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import tensorflow as tf

from data import images
from data.base.graphs import graph
from data.checking.findings import Facts
from data.checking.near_duplicates import SIDE
from data.schema import CaptionedImage

_BATCH = 256


def gather(pictures: Iterable[CaptionedImage]) -> list[Facts]:
    """Returns the facts of each picture, in order."""
    thumbnails = graph(
        lambda encoded: images.preprocess_batch(encoded, SIDE),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    found: list[Facts] = []
    for chunk in _chunks(pictures):
        looks = _looks([one.encoded for one in chunk], thumbnails)
        found += [_facts(one, look) for one, look in zip(chunk, looks, strict=True)]
    return found


def _looks(encoded: Sequence[bytes], thumbnails: Callable[[tf.Tensor], tf.Tensor]) -> list[bytes]:
    try:
        return [one.tobytes() for one in thumbnails(tf.constant(encoded)).numpy()]
    except tf.errors.InvalidArgumentError:
        # One bad picture fails its batch: halve the batch until it is alone.
        if len(encoded) == 1:
            return [b""]
        half = len(encoded) // 2
        return [*_looks(encoded[:half], thumbnails), *_looks(encoded[half:], thumbnails)]


def _facts(picture: CaptionedImage, look: bytes) -> Facts:
    return Facts(
        image_id=picture.image_id,
        captions=picture.captions,
        languages=picture.languages,
        attributes=picture.attributes,
        content=_digest(picture.encoded),
        look=look,
    )


def _digest(value: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=16).digest()


def _chunks(pictures: Iterable[CaptionedImage]) -> Iterator[Sequence[CaptionedImage]]:
    iterator = iter(pictures)
    while chunk := list(itertools.islice(iterator, _BATCH)):
        yield chunk
