"""The encoder as later stages use it."""

import numpy as np
import pytest

from data.images import to_float
from trainer.models import frozen
from trainer.models.encoder import condition_vector


@pytest.fixture(autouse=True)
def _eagerly(eagerly, monkeypatch):
    monkeypatch.setattr(frozen, "_BATCH", 3)
    with eagerly():
        yield


@pytest.fixture
def encoder(trained):
    return trained("encoder").task.model


def test_pictures_are_encoded_piece_by_piece_in_order(encoder, prepared):
    images = prepared.arrays("val").images[:8]
    codes = frozen.FrozenEncoder(encoder).images(images)
    code = encoder.image_tower(to_float(images))
    assert codes.grid.dtype == np.float16 and codes.grid.shape[:2] == (8, 64)
    np.testing.assert_allclose(codes.grid, np.reshape(code.grid, codes.grid.shape), atol=1e-2)
    np.testing.assert_allclose(codes.embedding, code.embedding, atol=1e-5)
    np.testing.assert_allclose(codes.attributes, code.attributes, rtol=1e-4, atol=1e-5)


def test_captions_are_encoded_each_at_its_place(encoder, prepared):
    ids = prepared.arrays("val").ids[:4]
    codes = frozen.FrozenEncoder(encoder).all_captions(ids)
    for picture in range(4):
        for caption in range(2):
            text = encoder.text_tower(ids[picture, caption][None])
            for field, expected in zip(codes, (*text, condition_vector(text)), strict=True):
                np.testing.assert_allclose(field[picture, caption], expected[0], atol=1e-4)
