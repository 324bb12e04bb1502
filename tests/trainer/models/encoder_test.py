"""Both towers of the shared space, with each kind of text tower."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from data.text import END, PAD, START
from trainer.config import DataSettings, EncoderSettings, Experiment
from trainer.models.build import build_encoder
from trainer.models.encoder import GRID, condition_vector, stateless_dropout

VOCABULARY, ATTRIBUTES, LENGTH = 12, 5, 7


def tiny(resolution, text):
    return Experiment(
        data=DataSettings(resolution=resolution, max_length=LENGTH),
        encoder=EncoderSettings(text=text, width=4, embedding=8, text_width=8, dropout=0.2),
    )


def inputs(resolution):
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (4, resolution, resolution, 3)).astype(np.float32)
    ids = rng.integers(4, VOCABULARY, (4, LENGTH)).astype(np.int32)
    ids[:, 0] = START
    for row, length in enumerate((3, 5, 6, 7)):
        ids[row, length - 1] = END
        ids[row, length:] = PAD
    return images, ids


@pytest.fixture(
    scope="module",
    params=[(16, "gru"), (28, "convolution"), (32, "transformer"), (64, "convolution")],
    ids=str,
)
def case(request, harness):
    resolution, text = request.param
    experiment = tiny(resolution, text)
    return harness.Case(
        build=lambda policy: build_encoder(experiment, VOCABULARY, ATTRIBUTES, policy),
        inputs=inputs(resolution),
        training={"training": True, "seed": tf.constant([1, 2])},
        dtypes=("bfloat16", "float32", "float32", "float32", "float32"),
        silent=("key/bias", "log_scale"),
    )


@pytest.mark.parametrize(
    "check", ["graph", "mixed_precision", "gradients", "weights_file", "float32_island"]
)
def test_contract(harness, case, check, tmp_path):
    harness.check(check, case, tmp_path)


@pytest.fixture(scope="module")
def model(case):
    return case.model()


def test_outputs_are_shaped_as_documented_and_embeddings_are_unit_vectors(case, model):
    code, text = model(case.inputs)
    assert code.grid.shape[:3] == (4, GRID, GRID)
    assert code.embedding.shape == text.embedding.shape == (4, 8)
    assert code.attributes.shape == text.attributes.shape == (4, ATTRIBUTES)
    for embedding in (code.embedding, text.embedding):
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1.0, rtol=1e-5)


def test_a_code_does_not_depend_on_its_batch(case, model):
    images, ids = case.inputs
    together = model((images, ids))
    for row in range(4):
        alone = model((images[row : row + 1], ids[row : row + 1]))
        for one, all_of_them in zip(tf.nest.flatten(alone), tf.nest.flatten(together), strict=True):
            np.testing.assert_allclose(one[0], all_of_them[row], atol=1e-5)


def test_padding_does_not_change_a_caption(case, model):
    _, ids = case.inputs
    short = ids[:2, :5]
    for cut, whole in zip(model.text_tower(short), model.text_tower(ids[:2]), strict=True):
        np.testing.assert_allclose(cut, whole, atol=1e-5)


def test_the_order_of_words_matters(case, model):
    _, ids = case.inputs
    swapped = ids[1:].copy()
    swapped[:, [1, 2]] = ids[1:, [2, 1]]
    differs = ids[1:, 1] != ids[1:, 2]
    assert differs.any()
    for one, other in zip(model.text_tower(ids[1:]), model.text_tower(swapped), strict=True):
        assert (np.abs(one - other).max(axis=1)[differs] > 1e-4).all()


@pytest.mark.parametrize("tower", [0, 1], ids=["picture", "sentence"])
def test_what_is_told_is_the_embedding_and_how_sure_each_attribute_is(case, model, tower):
    code = model(case.inputs)[tower]
    told = condition_vector(code).numpy()
    np.testing.assert_allclose(told[:, :8], code.embedding * np.sqrt(8), rtol=1e-5)
    np.testing.assert_allclose(told[:, 8:], 3 / (1 + np.exp(-code.attributes)), rtol=1e-5)


def test_dropout_needs_training_and_a_seed_and_follows_it(case, model):
    before = model.get_weights()

    def embed(**arguments):
        return model(case.inputs, **arguments)[0].embedding.numpy()

    still = embed(training=False, seed=tf.constant([1, 2]))
    np.testing.assert_array_equal(still, embed())
    dropped = embed(training=True, seed=tf.constant([1, 2]))
    np.testing.assert_array_equal(dropped, embed(training=True, seed=tf.constant([1, 2])))
    assert (dropped != embed(training=True, seed=tf.constant([1, 3]))).any()
    model.set_weights(before)


def test_dropout_keeps_the_mean():
    values = tf.ones([200, 100])
    kept = stateless_dropout(values, 0.25, tf.constant([0, 1])).numpy()
    assert set(np.unique(kept)) == {0.0, np.float32(1 / 0.75)}
    assert kept.mean() == pytest.approx(1.0, abs=0.02)
    assert stateless_dropout(values, 0.0, tf.constant([0, 1])) is values


def test_the_temperature_has_a_ceiling(model):
    before = float(model.log_scale)
    model.log_scale.assign(9.0)
    assert float(model.scale()) == pytest.approx(np.exp(4.6), rel=1e-5)
    model.log_scale.assign(1.0)
    assert float(model.scale()) == pytest.approx(np.e, rel=1e-5)
    model.log_scale.assign(before)


def test_a_data_set_without_attributes_has_a_model_too():
    settings = tiny(16, "gru")
    settings = replace(settings, encoder=replace(settings.encoder, width=2))
    code, text = build_encoder(settings, VOCABULARY, 0, "float32")(inputs(16))
    assert code.attributes.shape == text.attributes.shape == (4, 1)
