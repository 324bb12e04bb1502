"""The endless sequence of scenes that belongs to a seed, and the split of each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from data.scenes import world
from data.scenes.drawing import draw
from data.scenes.grammar import PLAN, captions
from data.scenes.layout import Scene, sample
from data.scenes.world import Claim

_SHARES = ("train",) * 6 + ("val", "test")


@dataclass(frozen=True)
class Sample:
    """One scene of the sequence with what is said of it.

    Attributes:
      seed, index: the sequence and the place in it.
      scene: what it shows.
      captions, languages: sentences and the BCP-47 tag of each.
    """

    seed: int
    index: int
    scene: Scene
    captions: tuple[str, ...]
    languages: tuple[str, ...]

    @property
    def image_id(self) -> str:
        """The name of the picture, unique over all seeds."""
        return f"scene-{self.seed}-{self.index:06d}"

    @property
    def split(self) -> str:
        """The split that all scenes with the same facts belong to."""
        return split_of(self.scene.facts)

    def image(self, resolution: int) -> np.ndarray:
        """Returns the picture, uint8[resolution, resolution, 3]."""
        return draw(self.scene, resolution)


def samples(seed: int, languages: Sequence[str] = PLAN) -> Iterator[Sample]:
    """Yields the scenes of `seed` without end; one depends on (seed, index) alone."""
    for index in count():
        rng = world.generator(seed, index)
        yield _told(rng, sample(rng), seed, index, languages)


def split_samples(
    seed: int, split: str, size: int, languages: Sequence[str] = PLAN
) -> Iterator[Sample]:
    """Yields the first `size` scenes of `seed` that belong to `split`."""
    for index in count():
        if size == 0:
            return
        rng = world.generator(seed, index)
        scene = sample(rng)
        if split_of(scene.facts) == split:
            size -= 1
            yield _told(rng, scene, seed, index, languages)


def split_of(facts: Claim) -> str:
    """Returns the split of all scenes with these facts, so that none is in two splits."""
    digest = hashlib.sha256("|".join(sorted(facts.attributes())).encode()).digest()
    place = int.from_bytes(digest[:8], "big") % len(_SHARES)
    return _SHARES[place]


def _told(
    rng: np.random.Generator, scene: Scene, seed: int, index: int, languages: Sequence[str]
) -> Sample:
    return Sample(seed, index, scene, captions(rng, scene.facts, languages), tuple(languages))
