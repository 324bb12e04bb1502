"""What the gate remembers of each picture: little enough for a large data set; needs no TFX."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf

from data import images
from data.schema import CaptionedImage

_BATCH = 256
# 8 x 8 pixels of 8 levels: alike after a change of size or of JPEG quality, seldom alike by chance.
_THUMBNAIL, _LEVEL = 8, 32


@dataclass(frozen=True)
class Facts:
    """One picture without its pixels.

    Attributes:
      image_id, captions, languages, attributes: as in the example.
      content: digest of the encoded bytes.
      look: digest of a coarse thumbnail; empty when the picture cannot be decoded.
    """

    image_id: str
    captions: tuple[str, ...]
    languages: tuple[str, ...]
    attributes: tuple[str, ...]
    content: bytes
    look: bytes

    @functools.cached_property
    def folded(self) -> frozenset[str]:
        """The captions, equal where they differ in case, width, blanks and end marks only."""
        return frozenset(map(fold, self.captions))


def fold(caption: str) -> str:
    """Returns `caption` without what does not change its meaning."""
    plain = unicodedata.normalize("NFKC", caption).casefold()
    return re.sub(r"\s+", " ", plain).strip(" .。!")


def gather(pictures: Iterable[CaptionedImage]) -> list[Facts]:
    """Returns the facts of each picture, in their order."""
    thumbnails = tf.function(
        lambda encoded: images.preprocess_batch(encoded, _THUMBNAIL) // _LEVEL,
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    found: list[Facts] = []
    for chunk in _chunks(pictures):
        looks = _looks([one.encoded for one in chunk], thumbnails)
        found += [_facts(one, look) for one, look in zip(chunk, looks, strict=True)]
    return found


def _looks(encoded: Sequence[bytes], thumbnails: Callable[[tf.Tensor], tf.Tensor]) -> list[bytes]:
    try:
        return [_digest(one.tobytes()) for one in thumbnails(tf.constant(encoded)).numpy()]
    except tf.errors.InvalidArgumentError:
        # One picture spoils its batch: halve until it stands alone.
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
