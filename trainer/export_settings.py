"""Typed, frozen settings of the exported models: what they take and how they are run."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.settings_loader import require, require_one_of

# Weights as they are; as float16; as int8 with a scale each, activations in float32.
COMPRESSED_FORMS = ("float32", "float16", "int8")
# What a client may scale the noise by; training knows 1.
LARGEST_TRUNCATION = 2.0


@dataclass(frozen=True)
class ExportSettings:
    """What every served model takes, and how it is run. None of it changes what is learned.

    Attributes:
      caption_bytes: the longest caption that is answered, in bytes of UTF-8.
      picture_bytes: the largest picture file that is answered.
      picture_pixels: the largest picture, width times height by its header. Reading one takes up
        to 64 bytes of memory a pixel: where anyone may send pictures, set less. As a default, what
        was let into the data can be answered too.
      chunk: rows that are computed together. It is always exactly so many, so that neither the
        size of a batch nor the neighbours in it change a bit of an answer; a request of fewer rows
        costs as much as a whole chunk. This holds for 1 and for 4. Of other numbers,
        the kernels for AVX2 sum some rows of a chunk in another order than the rest.
      warm_up: batch sizes of the warm-up requests of every signature.
      compressed: forms in which captioner and generator are written as LiteRT models too:
        `float32`, `float16`, `int8`.
    """

    caption_bytes: int = 16_384
    picture_bytes: int = 64 * 2**20
    picture_pixels: int = 64_000_000
    chunk: int = 4
    warm_up: tuple[int, ...] = (1, 8, 32)
    compressed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in ("caption_bytes", "picture_bytes", "picture_pixels", "chunk"):
            value = getattr(self, key)
            require(1 <= value < 2**31, key, value, "1 to 2147483647")
        for size in self.warm_up:
            require(1 <= size <= 1024, "warm_up", size, "1 to 1024")
        require(bool(self.warm_up), "warm_up", self.warm_up, "one batch size or more")
        for form in self.compressed:
            require_one_of("compressed", form, COMPRESSED_FORMS)
