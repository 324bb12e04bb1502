"""Generated scenes of simple shapes, with exact captions and attributes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from PIL import Image

from data.scenes.dataset import Sample, samples
from data.scenes.grammar import PLAN
from data.schema import CaptionedImage

__all__ = ["PLAN", "Sample", "as_captioned_images", "generate", "samples"]


def generate(
    count: int, resolution: int, seed: int, languages: Sequence[str] = PLAN
) -> Iterator[tuple[np.ndarray, tuple[str, ...], tuple[str, ...], tuple[str, ...]]]:
    """Yields the first `count` scenes of a seed as (image, captions, languages, attributes).

    Images are uint8[resolution, resolution, 3]; the other three are tuples of strings.
    """
    for one in islice(samples(seed, languages), count):
        yield one.image(resolution), one.captions, one.languages, one.scene.attributes()


def as_captioned_images(
    count: int, resolution: int, seed: int, languages: Sequence[str] = PLAN
) -> Iterator[CaptionedImage]:
    """Yields the first `count` scenes of a seed as records with PNG bytes and a split."""
    for one in islice(samples(seed, languages), count):
        yield CaptionedImage(
            image_id=one.image_id,
            encoded=png(one.image(resolution)),
            height=resolution,
            width=resolution,
            channels=3,
            captions=one.captions,
            languages=one.languages,
            attributes=one.scene.attributes(),
            split=one.split,
        )


def png(image: np.ndarray) -> bytes:
    """Encodes uint8[h, w, 3] as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()
