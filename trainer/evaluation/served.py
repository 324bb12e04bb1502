"""Calls the signatures of exported models in batches: lists in, NumPy out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from data.sources import files
from data.sources.plain_paths import without_patterns
from trainer import serving
from trainer.export.layout import SAVED_MODEL, SIDECAR, SUMMARY
from trainer.metrics.extractors.base import digest_of
from trainer.settings_loader import SettingsError


class ServedModel:
    """A SavedModel behind its signatures.

    Args:
      directory: of the SavedModel.
      signatures: those that will be called.
      batch_size: rows of one call.

    Raises:
      SettingsError: no SavedModel there, or one without a needed signature.
    """

    def __init__(self, directory: str, signatures: Sequence[str], batch_size: int):
        if not tf.saved_model.contains_saved_model(directory):
            raise SettingsError(f"{directory}: there is no SavedModel; give a directory with one")
        # The loaded object is kept: signatures hold its variables weakly.
        self._model = tf.saved_model.load(without_patterns(directory))
        self._batch_size, self.directory = batch_size, directory
        missing = sorted(set(signatures) - set(self._model.signatures))
        if missing:
            raise SettingsError(
                f"{directory}: the SavedModel has no signature {missing}, only "
                f"{sorted(self._model.signatures)}; give the directory of the right model"
            )

    def digest(self) -> str:
        """12 hex digits that stand for its graph and its weights."""
        return digest_of(_contents(self.directory))

    def languages(self) -> tuple[str, ...]:
        """See `serving.languages`."""
        return serving.languages(self._model)

    def __call__(self, signature: str, **inputs: Sequence) -> dict[str, np.ndarray]:
        """Calls `signature` on inputs of N rows each; returns its outputs of N rows.

        Raises:
          ServingError: the model refuses a row.
        """
        kinds = self._model.signatures[signature].structured_input_signature[1]
        count = len(next(iter(inputs.values())))
        outputs: dict[str, list[np.ndarray]] = {}
        for start in range(0, count, self._batch_size):
            rows = slice(start, start + self._batch_size)
            batch = {
                key: tf.constant(value[rows], kinds[key].dtype) for key, value in inputs.items()
            }
            for key, value in serving.ask(self._model, signature, **batch).items():
                outputs.setdefault(key, []).append(value)
        return {key: np.concatenate(parts) for key, parts in outputs.items()}


class ServedSpace:
    """A space that captions and pictures share.

    Attributes:
      extractor: a name, a colon, and the model's digest.
    """

    def __init__(self, directory: str, batch_size: int, name: str, more: Sequence[str] = ()):
        self._model = ServedModel(directory, ("embed_text", "embed_image", *more), batch_size)
        self.extractor = f"{name}:{self._model.digest()}"

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [N, d] of captions."""
        return self._model("embed_text", text=list(texts))["embedding"]

    def embed_images(self, pictures: Sequence[bytes]) -> np.ndarray:
        """float32 [N, d] of PNG or JPEG files."""
        return self._model("embed_image", image_bytes=list(pictures))["embedding"]


class ServedEncoder(ServedSpace):
    """The shared space, of unit vectors, and the recogniser.

    Attributes:
      names: the recogniser's attributes [A], set by the first call of `attributes`.
      thresholds: float32 [A], scores from which they count as present, set with `names`; 0.5 where
        the model names none.
    """

    def __init__(self, directory: str, batch_size: int):
        super().__init__(directory, batch_size, "encoder", ("attributes",))
        self.names: tuple[str, ...] = ()
        self.thresholds = np.zeros(0, np.float32)

    def attributes(self, pictures: Sequence[bytes]) -> np.ndarray:
        """float32 [N, A] scores of `names`, which the first call sets; an attribute that a
        picture's answer lacks gets 0."""
        answer = self._model("attributes", image_bytes=list(pictures))
        names, scores = answer["name"], answer["score"]
        if not self.names:
            thresholds = answer.get("threshold", np.full_like(scores, 0.5))
            asked = dict(zip(names.ravel(), thresholds.ravel(), strict=True))
            self.names = tuple(name.decode("utf-8") for name in asked)
            self.thresholds = np.fromiter(asked.values(), np.float32)
        column = {name.encode("utf-8"): index for index, name in enumerate(self.names)}
        result = np.zeros((len(names), len(self.names)), np.float32)
        if (names == names[:1]).all():
            _place(result, names[0], scores, column)
        else:
            for row in range(len(names)):
                _place(result[row], names[row], scores[row], column)
        return result


def _contents(directory: str) -> Iterator[bytes]:
    yield files.read(files.join(directory, SAVED_MODEL))
    for path in files.matching(files.join(directory, "variables"), "*"):
        yield files.read(path)


def _place(
    result: np.ndarray, names: np.ndarray, scores: np.ndarray, column: dict[bytes, int]
) -> None:
    """Writes scores [..., a] of `names` [a] into their columns of `result` [..., A]."""
    for index, name in enumerate(names):
        if name in column:
            result[..., column[name]] = scores[..., index]


class ServedCaptioner:
    """Captions of pictures; `languages` are those that it can be asked for, if it says which."""

    def __init__(self, directory: str, batch_size: int):
        self._model = ServedModel(directory, ("serving_default",), batch_size)
        self.languages = self._model.languages()

    def __call__(self, pictures: Sequence[bytes], language: str | None = None) -> list[str]:
        """Captions of PNG or JPEG files, in one of `languages`."""
        inputs, signature = {"image_bytes": list(pictures)}, "serving_default"
        if language is not None:
            inputs["language"], signature = [language.encode()] * len(pictures), "caption_in"
        answer = self._model(signature, **inputs)["caption"]
        return [caption.decode("utf-8") for caption in answer]


class ServedGenerator:
    """Pictures of captions."""

    def __init__(self, directory: str, batch_size: int, truncation: float):
        self._model = ServedModel(directory, ("generate",), batch_size)
        self._truncation = truncation

    def training(self) -> dict[str, Any] | None:
        """The summary of its training, or None where it was exported without one."""
        path = files.join(self._model.directory, f"{SIDECAR.as_posix()}/{SUMMARY}")
        return json.loads(files.read(path)) if files.is_file(path) else None

    def __call__(self, texts: Sequence[str], seeds: Sequence[int]) -> list[bytes]:
        """PNG files; a picture depends on its own text and seed."""
        truncation = [self._truncation] * len(texts)
        answer = self._model("generate", text=list(texts), seed=list(seeds), truncation=truncation)
        return list(answer["image_bytes"])
