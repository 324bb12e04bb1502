"""The endless sequence of scenes that belongs to a seed, and the split of each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from data.scenes import world
from data.scenes.captions import PLAN, captions
from data.scenes.claim import Claim
from data.scenes.draw import draw
from data.scenes.layout import Scene, sample

SHARES = {"train": 6, "val": 1, "test": 1}


@dataclass(frozen=True)
class Sample:
    """One scene of the sequence with what is said of it.

    Attributes:
      index: its place in the sequence of its seed.
      scene: what it shows.
      captions, languages: sentences and the BCP-47 tag of each.
    """

    index: int
    scene: Scene
    captions: tuple[str, ...]
    languages: tuple[str, ...]

    @property
    def split(self) -> str:
        """The split that all scenes with the same facts belong to."""
        return split_of(self.scene.facts)

    def image(self, resolution: int) -> np.ndarray:
        """Returns the picture, uint8[resolution, resolution, 3]."""
        return draw(self.scene, resolution)


def samples(seed: int, languages: Sequence[str] = PLAN, start: int = 0) -> Iterator[Sample]:
    """Yields the scenes of `seed` without end; one depends on (seed, index) alone."""
    index = start
    while True:
        rng = world.generator(seed, index)
        scene = sample(rng)
        yield Sample(index, scene, captions(rng, scene.facts, languages), tuple(languages))
        index += 1


def split_of(facts: Claim) -> str:
    """Returns the split of all scenes with these facts, so that none is in two splits."""
    digest = hashlib.sha256("|".join(_specification(facts)).encode()).digest()
    place = int.from_bytes(digest[:8], "big") % sum(SHARES.values())
    for split, share in SHARES.items():
        place -= share
        if place < 0:
            return split
    raise AssertionError("shares do not add up")


def _specification(facts: Claim) -> tuple[str, ...]:
    return tuple(sorted(facts.attributes()))
