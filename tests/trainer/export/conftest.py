"""Pictures and captions to ask exported models about."""

import io

import numpy as np
import pytest
from PIL import Image

from trainer import serving

EXTREMES = {
    "empty": "",
    "blanks": " \t\n ",
    "very long": "a red circle " * 2000,
    "emoji": "🟥 above 👨‍👩‍👧 🇨🇭",
    "other scripts": "красный круг над कमल و دائرة 赤い円",
    "control characters": "red\x00\x07circle\u202e",
    "punctuation": "...!?，。",
}


def encoded(image, form):
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def texts(prepared):
    """Held-out captions in two languages, and what nobody has prepared for."""
    held_out = [caption for captions in prepared.arrays("val").captions for caption in captions]
    return [*held_out[:10], *EXTREMES.values()]


@pytest.fixture(scope="session")
def pictures(scenes):
    """Held-out scenes, and a wide JPEG and a grey PNG."""
    rng = np.random.default_rng(0)
    wide = Image.fromarray(rng.integers(0, 256, (30, 50, 3), np.uint8))
    return [
        *(scene.encoded for scene in scenes["val"][:6]),
        encoded(wide, "JPEG"),
        encoded(wide.convert("L"), "PNG"),
    ]


@pytest.fixture(scope="session")
def served(trained):
    """Returns a function: stage -> its exported model, loaded once."""
    loaded = {}

    def load(stage):
        if stage not in loaded:
            loaded[stage] = serving.load(str(trained(stage).model_dir))
        return loaded[stage]

    return load
