"""What figures ask of a network that turns pictures into feature vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

import numpy as np

_DIGITS = 12


class Extractor(Protocol):
    """Pictures in, features out.

    Attributes:
      name: as it stands in the names of figures, such as `inception`.
      digest: hex digits that stand for all that decides about its features: weights, layers, sizes.
    """

    name: str
    digest: str

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 [N, h, w, 3] -> float32 [N, d]."""


def identity(extractor: Extractor) -> str:
    """`name:digest`, as a `Metric` carries it."""
    return f"{extractor.name}:{extractor.digest}"


def digest_of(parts: Iterable[bytes]) -> str:
    """12 hex digits that stand for the bytes of all parts, in order, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:_DIGITS]


def require_pictures(pictures: np.ndarray) -> np.ndarray:
    """The pictures, if they are uint8 [N, h, w, 3].

    Generated pictures are rounded to bytes before anything is measured, for this is what people
    get, and what real pictures are (Parmar et al., On Aliased Resizing, 2022, section 3).

    Raises:
      ValueError: they are not.
    """
    pictures = np.asarray(pictures)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise ValueError(
            f"pictures {pictures.dtype} {pictures.shape} must be uint8 [N, h, w, 3]: round to 0 to "
            "255 first"
        )
    return pictures
