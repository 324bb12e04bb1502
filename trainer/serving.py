"""Exported models called from Python: captions to pictures and back, plain values in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the operations that the models use)

from data.base.plain_paths import without_patterns


class ServingError(ValueError):
    """A model refused a row of a request; the message names row, reason and remedy."""


class Picture(NamedTuple):
    """A generated picture.

    Attributes:
      png: the file's bytes.
      oov: share of the caption's words that the model has never seen.
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
    """Loads a SavedModel; raises OSError when `directory` holds none."""
    return tf.saved_model.load(without_patterns(directory))


def ask(model: Any, signature: str, **inputs: tf.Tensor) -> dict[str, np.ndarray]:
    """Calls a signature.

    Args:
      model: a loaded model.
      signature: its name.
      **inputs: tensors [N].

    Returns:
      All outputs but `error`, each [N, ...].

    Raises:
      ServingError: the model refused a row.
      InvalidArgumentError: the inputs do not have the same number of rows.
    """
    answer = {name: value.numpy() for name, value in model.signatures[signature](**inputs).items()}
    # Models exported by earlier versions fail as a whole, and have no such output.
    for row, error in enumerate(answer.pop("error", ())):
        if error:
            raise ServingError(f"row {row} of {signature}: {error.decode('utf-8')}")
    return answer


def generate(
    model: Any, texts: Sequence[str], seeds: Sequence[int], truncation: float = 1.0
) -> list[Picture]:
    """Paints one picture for each caption and seed.

    Args:
      model: a loaded generator.
      texts, seeds: of equal length.
      truncation: scale of the noise, 0 to 2; below 1 trades variety for typicality.

    Raises:
      ServingError: a caption is too long, or the truncation out of its range.
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
    """Paints the way from one caption and seed to another.

    Args:
      model: a loaded generator.
      texts, seeds: of both ends.
      shares: where on the way, 0 to 1, one picture each.
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
    """The languages that a loaded captioner can be asked for, its default first; () if none."""
    if not hasattr(model, "languages"):
        return ()
    return tuple(tag.decode("utf-8") for tag in model.languages().numpy())


def caption(model: Any, images: Sequence[bytes], language: str | None = None) -> list[Caption]:
    """Captions PNG or JPEG files with a loaded captioner.

    Args:
      model: a loaded captioner.
      images: the files' bytes.
      language: BCP-47 tag of one of `languages`; None takes the first.

    Raises:
      ServingError: what is no picture, is too large, or a language that the captioner does not
        write.
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
    """As `caption`, with the error in the place of each picture that the model refuses."""
    try:
        return list(caption(model, images, language))
    except ServingError as error:
        if len(images) == 1:
            return [error]
    return [answer for one in images for answer in caption_each(model, [one], language)]


def explain(model: Any, images: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Captions with their words and where the captioner looked for each.

    Returns:
      `caption` [N], `log_prob` [N], `tokens` [N, steps], `attention` [N, steps, h, w].

    Raises:
      ServingError: what is no picture, or is too large.
    """
    return ask(model, "explain", image_bytes=tf.constant(list(images), tf.string))
