"""Heads against their formulas, by hand."""

import numpy as np
import pytest

from trainer.config import DISCRIMINATORS
from trainer.models.discriminator import HEADS, LogitHead, Projection

SIDE, CHANNELS, CONDITION = 2, 3, 5


@pytest.fixture
def inputs():
    rng = np.random.default_rng(0)
    grid = rng.normal(size=(4, SIDE, SIDE, CHANNELS)).astype(np.float32)
    return grid, rng.normal(size=(4, CONDITION)).astype(np.float32)


def test_settings_and_models_know_the_same_heads():
    assert tuple(HEADS) == DISCRIMINATORS


def test_projection_is_a_linear_logit_and_an_inner_product(inputs):
    head, (grid, text) = Projection(SIDE, CHANNELS, CHANNELS, CONDITION), inputs
    logits = head(grid, text)
    head.linear.bias.assign([0.7])
    kernel, matrix = (np.asarray(layer.kernel.value) for layer in (head.linear, head.match))
    phi = np.where(grid > 0, grid, 0.2 * grid).sum(axis=(1, 2))
    expected = phi @ kernel[:, 0] + 0.7 + np.einsum("nc,cd,nd->n", text, matrix, phi)
    np.testing.assert_allclose(head(grid, text), expected, rtol=1e-4)
    np.testing.assert_allclose(head(grid, text) - logits, 0.7, rtol=1e-4)


def test_without_its_matrix_a_projection_ignores_the_text(inputs):
    head, (grid, text) = Projection(SIDE, CHANNELS, CHANNELS, CONDITION), inputs
    before = head(grid, text).numpy()
    head.match.kernel.assign(np.zeros((CONDITION, CHANNELS)))
    assert np.abs(head(grid, text) - before).max() > 1e-2
    np.testing.assert_array_equal(head(grid, text), head(grid, -text))


def test_an_unconditional_head_needs_no_text(inputs):
    head, (grid, text) = HEADS["unconditional"](SIDE, CHANNELS, 4, 0), inputs
    np.testing.assert_array_equal(head(grid, text[:, :0]), head(grid, text))


def test_a_matching_aware_head_reads_at_each_place_and_as_a_whole(inputs):
    head, (grid, text) = HEADS["matching_aware"](SIDE, CHANNELS, 4, CONDITION), inputs
    before = head(grid, text).numpy()
    for layer in (head.consult.read, head.sentence):
        kernel = np.asarray(layer.kernel.value)
        layer.kernel.assign(np.zeros_like(kernel))
        assert np.abs(head(grid, text) - before).max() > 1e-3
        assert np.abs(head(grid, text) - head(grid, -text)).max() > 1e-3
        layer.kernel.assign(kernel)


@pytest.mark.parametrize("side", [1, 2, 3, 4, 7])
def test_a_sentence_counts_as_if_it_stood_at_every_place(side):
    rng, verdict = np.random.default_rng(0), LogitHead(side, 4)
    grid = rng.normal(size=(3, side, side, CHANNELS)).astype(np.float32)
    said = rng.normal(size=(3, CONDITION)).astype(np.float32)
    verdict.build(grid.shape, said.shape)
    verdict.joint.bias.assign(rng.normal(size=8))
    everywhere = np.broadcast_to(said[:, None, None], (3, side, side, CONDITION))
    expected = verdict(np.concatenate([grid, everywhere], axis=-1))
    np.testing.assert_allclose(verdict(grid, said), expected, rtol=1e-4, atol=1e-5)
