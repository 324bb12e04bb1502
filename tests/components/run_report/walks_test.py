"""Ways through what a tiny real generator has learned."""

import base64
import io

import numpy as np
from PIL import Image

from components.run_report.pictures import WALK_SEEDS, WALK_STEPS, walk


def pixels(encoded):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))), np.int64)


def test_two_ways_go_through_noise_and_two_through_captions(model_uri, pictures):
    walks = walk(f"{model_uri('generator')}/Format-Serving", pictures["test"][:5])
    assert [item.kind for item in walks] == ["noise", "noise", "captions", "captions"]
    assert [len(item.pictures) for item in walks] == [WALK_STEPS] * 4
    noise, _, captions, _ = walks
    assert noise.captions == ("a red square", "a red square")
    assert noise.seeds == WALK_SEEDS
    assert captions.captions == ("a red square", "a green square")
    assert captions.seeds == (WALK_SEEDS[0], WALK_SEEDS[0])
    red, green = pixels(captions.pictures[0]), pixels(captions.pictures[-1])
    assert red[..., 0].mean() > red[..., 1].mean()
    assert green[..., 1].mean() > green[..., 0].mean()
    assert (pixels(noise.pictures[0]) == red).all()
    assert (pixels(noise.pictures[0]) != pixels(noise.pictures[-1])).any()
