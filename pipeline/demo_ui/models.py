"""What the page asks of the trained models, whichever of them are there."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from data import schema
from data.base.tfrecords import naming_damaged
from trainer import serving

# More would make the start slow and the list of the nearest hardly better.
MAX_CAPTIONS = 20_000
_BATCH = 256
_EXAMPLES = "Transform/transformed_examples/*/Split-train/*"
SHOWN_ATTRIBUTES = 8
NEAREST = 5


def read_captions(pipeline_root: Path, limit: int = MAX_CAPTIONS) -> list[str]:
    """Different captions of a run's train split, the first `limit`; none where it left no data."""
    files = sorted(pipeline_root.glob(_EXAMPLES), key=_execution)
    if not files:
        return []
    last = [str(file) for file in files if _execution(file) == _execution(files[-1])]
    spec = {schema.CAPTION_TEXT: tf.io.RaggedFeature(tf.string)}
    records = tf.data.TFRecordDataset(last, compression_type="GZIP").batch(_BATCH)
    batches = records.map(lambda batch: tf.io.parse_example(batch, spec)[schema.CAPTION_TEXT])
    texts = (text for batch in batches for text in batch.flat_values.numpy())
    with naming_damaged(last):
        unique = dict.fromkeys(text.decode("utf-8") for text in islice(texts, 4 * limit))
    return list(unique)[:limit]


class Captions:
    """Captions with their codes."""

    def __init__(self, encoder: Any, captions: Sequence[str]):
        """Asks a loaded encoder for the code of every caption."""
        self._captions = list(captions)
        codes = [
            encoder.signatures["embed_text"](
                text=tf.constant(self._captions[start : start + _BATCH])
            )
            for start in range(0, len(self._captions), _BATCH)
        ]
        self._codes = np.concatenate([code["embedding"].numpy() for code in codes] or [[]])

    def nearest(self, code: np.ndarray, count: int) -> list[tuple[str, float]]:
        """The captions of greatest cosine similarity to a unit vector, the greatest first."""
        if not self._captions:
            return []
        scores = self._codes @ code
        best = np.argsort(-scores, kind="stable")[:count]
        return [(self._captions[place], float(scores[place])) for place in best]


def _execution(file: Path) -> int:
    """The number of the node's run that wrote a file."""
    return int(file.parts[-3])


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
