"""Ways through what a generator has learned: between two seeds, and between two captions."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from components.run_report.report_data import Walk
from data.schema import CaptionedImage
from trainer import serving

STEPS = 7
SEEDS = (1, 2)


def walk(generator: str, pictures: Sequence[CaptionedImage]) -> tuple[Walk, ...]:
    """Paints two ways through the noise and two through the captions.

    Args:
      generator: the SavedModel's directory.
      pictures: of the test split, at least 2; their first captions are the ends.
    """
    model = serving.load(generator)
    texts = [picture.captions[0] for picture in pictures]
    pairs = list(zip(texts[0::2], texts[1::2], strict=False))[:2]
    ways = [("noise", (start, start), SEEDS) for start, _ in pairs]
    ways += [("captions", pair, (SEEDS[0], SEEDS[0])) for pair in pairs]
    return tuple(
        Walk(kind, ends, seeds, _painted(model, ends, seeds)) for kind, ends, seeds in ways
    )


def _painted(model: object, texts: tuple[str, str], seeds: tuple[int, int]) -> tuple[str, ...]:
    shares = np.linspace(0, 1, STEPS).tolist()
    made = serving.interpolate(model, texts, seeds, shares)
    return tuple(base64.b64encode(png).decode() for png in made)
