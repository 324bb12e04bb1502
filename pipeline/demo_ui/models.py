"""What the page asks of the trained models, whichever of them are there."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.demo_ui.training_captions import Captions
from trainer import serving

SHOWN_ATTRIBUTES = 8
NEAREST = 5


class Painted(NamedTuple):
    """Pictures of one request.

    Attributes:
      pngs: the files' bytes.
      unknown: share of the first caption's words that the generator has never seen.
    """

    pngs: list[bytes]
    unknown: float


class Word(NamedTuple):
    """A word of a caption, and where the captioner looked for it: rows of weights."""

    text: str
    attention: list[list[float]]


class Attribute(NamedTuple):
    """A name with its score, and whether the score reaches the attribute's threshold."""

    name: str
    score: float
    is_present: bool


class Models:
    """The models of one run, each of which may be missing.

    Attributes:
      generator, captioner, encoder: loaded SavedModels, or None.
      languages: those that the captioner writes.
    """

    def __init__(self, directories: dict[str, Path], captions: Sequence[str] = ()):
        """Loads them.

        Args:
          directories: SavedModels by name.
          captions: of training, to look for the nearest in; their codes are computed here.
        """
        loaded = {name: serving.load(str(path)) for name, path in directories.items()}
        self.generator: Any = loaded.get("generator")
        self.captioner: Any = loaded.get("captioner")
        self.encoder: Any = loaded.get("encoder")
        self.languages = serving.languages(self.captioner) if self.captioner else ()
        self._captions = Captions(self.encoder, captions) if self.encoder else None
        # Two cores do not paint two requests faster than one after the other.
        self._turn = threading.Lock()

    def paint(self, text: str, seeds: Sequence[int], truncation: float) -> Painted:
        """One picture of `text` for each seed."""
        with self._turn:
            pictures = serving.generate(
                self.generator, [text] * len(seeds), seeds, truncation=truncation
            )
        return Painted([picture.png for picture in pictures], pictures[0].oov)

    def mix(self, text: str, other: str, seed: int, steps: int) -> Painted:
        """Pictures on the way from one caption to another, both ends included."""
        shares = np.linspace(0.0, 1.0, steps, dtype=np.float32)
        seeds = tf.fill([steps], tf.constant(seed, tf.int64))
        with self._turn:
            answer = serving.ask(
                self.generator,
                "interpolate",
                text=tf.fill([steps], text),
                other_text=tf.fill([steps], other),
                seed=seeds,
                other_seed=seeds,
                share=tf.constant(shares),
            )
        return Painted(list(answer["image_bytes"]), 0.0)

    def words(self, png: bytes) -> list[Word]:
        """The caption in the captioner's first language, word by word."""
        with self._turn:
            told = serving.explain(self.captioner, [png])
        pairs = zip(told["tokens"][0], told["attention"][0], strict=True)
        return [Word(token.decode("utf-8"), rows.tolist()) for token, rows in pairs if token]

    def sentences(self, png: bytes) -> dict[str, str]:
        """The caption in each language, "" for a model that has no choice of languages."""
        with self._turn:
            if not self.languages:
                return {"": serving.caption(self.captioner, [png])[0].text}
            return {
                language: serving.caption(self.captioner, [png], language)[0].text
                for language in self.languages
            }

    def attributes(self, png: bytes) -> list[Attribute]:
        """The attributes that are most likely, those that count as present first."""
        answer = self._of_encoder("attributes", png)
        columns = (answer[name][0] for name in ("name", "score", "threshold"))
        found = [
            Attribute(name.decode("utf-8"), float(score), bool(score >= threshold))
            for name, score, threshold in zip(*columns, strict=True)
        ]
        found.sort(key=lambda one: (not one.is_present, -one.score))
        return found[:SHOWN_ATTRIBUTES]

    def nearest(self, png: bytes) -> list[tuple[str, float]]:
        """The training captions that are most like a picture, with their cosine similarity."""
        if not self._captions:
            return []
        return self._captions.nearest(self._of_encoder("embed_image", png)["embedding"][0], NEAREST)

    def _of_encoder(self, signature: str, png: bytes) -> dict[str, np.ndarray]:
        with self._turn:
            return serving.ask(self.encoder, signature, image_bytes=tf.constant([png]))
