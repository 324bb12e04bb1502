"""The infinite sequence of scenes of a seed, and the split of each scene."""

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
    """One scene of the sequence with its captions.

    Attributes:
      seed, index: the sequence and the position in it.
      scene: its content.
      captions, languages: sentences and the BCP-47 tag of each.
    """

    seed: int
    index: int
    scene: Scene
    captions: tuple[str, ...]
    languages: tuple[str, ...]

    @property
    def image_id(self) -> str:
        """The name of the picture, unique across seeds."""
        return f"scene-{self.seed}-{self.index:06d}"

    @property
    def split(self) -> str:
        """The split, which is the same for all scenes with the same facts."""
        return split_of(self.scene.facts)

    def image(self, resolution: int) -> np.ndarray:
        """Returns the picture, uint8[resolution, resolution, 3]."""
        return draw(self.scene, resolution)


def samples(seed: int, languages: Sequence[str] = PLAN) -> Iterator[Sample]:
    """Yields the infinite sequence of scenes; a scene depends only on (seed, index)."""
    for index in count():
        rng = world.generator(seed, index)
        yield _told(rng, sample(rng), seed, index, languages)


def split_samples(
    seed: int, split: str, size: int, languages: Sequence[str] = PLAN
) -> Iterator[Sample]:
    """Yields the first `size` scenes of a seed that are in `split`."""
    for index in count():
        if size == 0:
            return
        rng = world.generator(seed, index)
        scene = sample(rng)
        if split_of(scene.facts) == split:
            size -= 1
            yield _told(rng, scene, seed, index, languages)


def split_of(facts: Claim) -> str:
    """Returns the split of all scenes with these facts, so that no facts are in two splits."""
    digest = hashlib.sha256("|".join(sorted(facts.attributes())).encode()).digest()
    place = int.from_bytes(digest[:8], "big") % len(_SHARES)
    return _SHARES[place]


def _told(
    rng: np.random.Generator, scene: Scene, seed: int, index: int, languages: Sequence[str]
) -> Sample:
    return Sample(seed, index, scene, captions(rng, scene.facts, languages), tuple(languages))
