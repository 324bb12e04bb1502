"""Pictures for the page: generated pictures, interpolations, and captioned test pictures."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from components.run_report.report_data import Described, Painted, Walk, Word
from data.base import files
from data.images import encode_png_batch, preprocess_batch
from data.schema import CaptionedImage
from trainer import serving
from trainer.evaluation.inputs import ServedEncoder

PROMPTS = 8
SEEDS = (1, 2, 3, 4)
DESCRIBED = 8
DARKEST = 170
MOST_ATTRIBUTES = 5
WALK_STEPS = 7
WALK_SEEDS = (1, 2)
SETTINGS_FILE = "assets.extra/tuwen/experiment.json"


def spread(pictures: Sequence[CaptionedImage], count: int) -> list[CaptionedImage]:
    """Returns `count` evenly spaced pictures of the split, or all if there are fewer."""
    places = np.linspace(0, len(pictures) - 1, min(count, len(pictures)))
    return [pictures[round(place)] for place in places]


def paint(generator: str, pictures: Sequence[CaptionedImage]) -> tuple[Painted, ...]:
    """Generates pictures from one caption of each picture with several seeds.

    Args:
      generator: the SavedModel's directory.
      pictures: of the test split; the index of the chosen caption varies.
    """
    model = serving.load(generator)
    side = resolution(generator)
    painted = []
    for number, (picture, real) in enumerate(zip(pictures, as_seen(pictures, side), strict=True)):
        index = number % len(picture.captions)
        caption = picture.captions[index]
        made = serving.generate(model, [caption] * len(SEEDS), SEEDS)
        painted.append(
            Painted(
                caption=caption,
                language=picture.languages[index],
                seeds=SEEDS,
                pictures=tuple(_base64(item.png) for item in made),
                real=_base64(real),
            )
        )
    return tuple(painted)


def describe(
    captioner: str, encoder: str, pictures: Sequence[CaptionedImage]
) -> tuple[Described, ...]:
    """Captions the pictures, with the captioner's attention and the recognised attributes.

    Args:
      captioner, encoder: SavedModel directories.
      pictures: of the test split.
    """
    files_of = [picture.encoded for picture in pictures]
    answer = serving.explain(serving.load(captioner), files_of)
    recogniser = ServedEncoder(encoder, batch_size=len(pictures))
    scores = recogniser.attributes(files_of)
    described = []
    for row, seen in enumerate(as_seen(pictures, resolution(captioner))):
        described.append(
            Described(
                picture=_base64(seen),
                caption=answer["caption"][row].decode("utf-8"),
                log_prob=float(answer["log_prob"][row]),
                words=_words(answer["tokens"][row], answer["attention"][row]),
                references=pictures[row].captions,
                attributes=_recognised(recogniser, scores[row]),
            )
        )
    return tuple(described)


def resolution(model_dir: str) -> int:
    """The resolution of an exported model in pixels."""
    record = json.loads(files.read(f"{model_dir}/{SETTINGS_FILE}").decode("utf-8"))
    return record["experiment"]["data"]["resolution"]


def as_seen(pictures: Sequence[CaptionedImage], side: int) -> list[bytes]:
    """PNG files of the pictures as input to the models: the central square at `side` pixels."""
    encoded = tf.constant([picture.encoded for picture in pictures])
    return list(encode_png_batch(preprocess_batch(encoded, side)).numpy())


def veil(attention: np.ndarray) -> bytes:
    """A black PNG of h x w pixels from attention, float [h, w]; transparent where it is highest."""
    share = attention / max(float(attention.max()), 1e-9)
    pixels = np.zeros((*attention.shape, 4), np.uint8)
    pixels[..., 3] = np.rint(DARKEST * (1 - share))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _words(tokens: np.ndarray, attention: np.ndarray) -> tuple[Word, ...]:
    spoken = [index for index, token in enumerate(tokens) if token]
    return tuple(
        Word(tokens[index].decode("utf-8"), _base64(veil(attention[index]))) for index in spoken
    )


def _recognised(recogniser: ServedEncoder, scores: np.ndarray) -> dict[str, float]:
    best = np.argsort(-scores)
    present = best[scores[best] >= recogniser.thresholds[best]][:MOST_ATTRIBUTES]
    return {recogniser.names[index]: float(scores[index]) for index in present}


def _base64(png: bytes) -> str:
    return base64.b64encode(png).decode()


def walk(generator: str, pictures: Sequence[CaptionedImage]) -> tuple[Walk, ...]:
    """Generates two interpolations of the noise and two of captions.

    Args:
      generator: the SavedModel's directory.
      pictures: of the test split, at least 2; their first captions are the ends.
    """
    model = serving.load(generator)
    texts = [picture.captions[0] for picture in pictures]
    pairs = list(zip(texts[0::2], texts[1::2], strict=False))[:2]
    ways = [("noise", (start, start), WALK_SEEDS) for start, _ in pairs]
    ways += [("captions", pair, (WALK_SEEDS[0], WALK_SEEDS[0])) for pair in pairs]
    return tuple(
        Walk(kind, ends, seeds, _painted(model, ends, seeds)) for kind, ends, seeds in ways
    )


def _painted(model: object, texts: tuple[str, str], seeds: tuple[int, int]) -> tuple[str, ...]:
    shares = np.linspace(0, 1, WALK_STEPS).tolist()
    made = serving.interpolate(model, texts, seeds, shares)
    return tuple(base64.b64encode(png).decode() for png in made)
