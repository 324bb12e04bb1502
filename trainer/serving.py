"""Calls exported models from Python, with plain values as inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the operations that the models use)

from data.base.plain_paths import without_patterns


class ServingError(ValueError):
    """A model rejected a row of a request; the message names row, reason and remedy."""


class Picture(NamedTuple):
    """A generated picture.

    Attributes:
      png: the file's bytes.
      oov: fraction of the caption's words that the vocabulary lacks.
    """

    png: bytes
    oov: float


class Caption(NamedTuple):
    """A generated caption.

    Attributes:
      text: the sentence.
      log_prob: summed log probability of its tokens.
    """

    text: str
    log_prob: float


def load(directory: str) -> Any:
    """Loads a SavedModel; raises OSError if `directory` has none."""
    return tf.saved_model.load(without_patterns(directory))


def ask(model: Any, signature: str, **inputs: tf.Tensor) -> dict[str, np.ndarray]:
    """Calls a signature.

    Args:
      model: a loaded model.
      signature: its name.
      **inputs: tensors [N].

    Returns:
      All outputs except `error`, each [N, ...].

    Raises:
      ServingError: the model rejected a row.
      InvalidArgumentError: the inputs differ in their number of rows.
    """
    answer = {name: value.numpy() for name, value in model.signatures[signature](**inputs).items()}
    # Models of earlier versions have no such output: a bad row fails the whole request.
    for row, error in enumerate(answer.pop("error", ())):
        if error:
            raise ServingError(f"row {row} of {signature}: {error.decode('utf-8')}")
    return answer


def generate(
    model: Any, texts: Sequence[str], seeds: Sequence[int], truncation: float = 1.0
) -> list[Picture]:
    """Generates one picture for each caption and seed.

    Args:
      model: a loaded generator.
      texts, seeds: captions and seeds, of equal length.
      truncation: scale of the noise, 0 to 2; below 1, pictures are more typical and less varied.

    Raises:
      ServingError: a caption is too long, or the truncation is out of range.
    """
    answer = ask(
        model,
        "generate",
        text=tf.constant(list(texts), tf.string),
        seed=tf.constant(list(seeds), tf.int64),
        truncation=tf.fill([len(texts)], float(truncation)),
    )
    pairs = zip(answer["image_bytes"], answer["text_oov"], strict=True)
    return [Picture(png, float(oov)) for png, oov in pairs]


def interpolate(
    model: Any,
    texts: tuple[str, str],
    seeds: tuple[int, int],
    shares: Sequence[float],
) -> list[bytes]:
    """Interpolates between two captions and seeds.

    Args:
      model: a loaded generator.
      texts, seeds: the two captions and the two seeds.
      shares: positions from 0 (the first) to 1 (the second), one for each picture.

    Returns:
      PNG files, one for each position.
    """
    rows = len(shares)
    answer = model.signatures["interpolate"](
        text=tf.fill([rows], texts[0]),
        other_text=tf.fill([rows], texts[1]),
        seed=tf.fill([rows], tf.constant(seeds[0], tf.int64)),
        other_seed=tf.fill([rows], tf.constant(seeds[1], tf.int64)),
        share=tf.constant(list(shares), tf.float32),
    )
    return list(answer["image_bytes"].numpy())


def languages(model: Any) -> tuple[str, ...]:
    """The languages that a loaded captioner supports, the default first; () if it lists none."""
    if not hasattr(model, "languages"):
        return ()
    return tuple(tag.decode("utf-8") for tag in model.languages().numpy())


def caption(model: Any, images: Sequence[bytes], language: str | None = None) -> list[Caption]:
    """Captions PNG or JPEG files with a loaded captioner.

    Args:
      model: a loaded captioner.
      images: the files' bytes.
      language: BCP-47 tag of one of `languages`; None for the default.

    Raises:
      ServingError: a file is not a picture or too large, or the captioner lacks the language.
    """
    inputs, signature = {"image_bytes": tf.constant(list(images), tf.string)}, "serving_default"
    if language is not None:
        inputs["language"], signature = tf.fill([len(images)], language), "caption_in"
    answer = ask(model, signature, **inputs)
    pairs = zip(answer["caption"], answer["log_prob"], strict=True)
    return [Caption(text.decode("utf-8"), float(log_prob)) for text, log_prob in pairs]


def caption_each(
    model: Any, images: Sequence[bytes], language: str | None = None
) -> list[Caption | ServingError]:
    """As `caption`, but with an error in place of the caption for each rejected picture."""
    try:
        return list(caption(model, images, language))
    except ServingError as error:
        if len(images) == 1:
            return [error]
    return [answer for one in images for answer in caption_each(model, [one], language)]


def explain(model: Any, images: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Captions pictures and returns the tokens and the attention of each step.

    Returns:
      `caption`, string [N]; `log_prob`, float32 [N]; `tokens`, string [N, steps]; and `attention`,
      float32 [N, steps, h, w].

    Raises:
      ServingError: a file is not a picture or too large.
    """
    return ask(model, "explain", image_bytes=tf.constant(list(images), tf.string))
