"""Cross-entropy of captions against loops over tokens."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.losses.captions import caption_cross_entropy, self_critical, token_log_probs

BANNED = -1e9


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(3, 4, 6)).astype(np.float32)
    logits[:, :, [0, 1]] += BANNED
    targets = rng.integers(2, 6, (3, 4)).astype(np.int32)
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], np.float32)
    return logits, targets, mask


def expected(logits, targets, mask, smoothing):
    """Loops over tokens; the smoothing goes to the four words that are not banned."""
    losses = []
    for row_logits, row_targets, row_mask in zip(logits, targets, mask, strict=True):
        said = []
        for token, target, counts in zip(row_logits, row_targets, row_mask, strict=True):
            open_words = token.astype(np.float64)[2:]
            log_p = open_words - np.log(np.exp(open_words).sum())
            wanted = np.full(4, smoothing / 4)
            wanted[target - 2] += 1 - smoothing
            said += [-(wanted * log_p).sum()] if counts else []
        losses.append(np.mean(said))
    return losses


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_it_equals_the_loops(batch, smoothing):
    found = caption_cross_entropy(*batch, smoothing=smoothing)
    np.testing.assert_allclose(found, expected(*batch, smoothing), rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_what_the_mask_hides_does_not_matter_even_if_banned(batch, smoothing):
    logits, targets, mask = batch
    changed = np.where(mask > 0, targets, 0).astype(np.int32)
    before = caption_cross_entropy(logits, targets, mask, smoothing)
    np.testing.assert_array_equal(before, caption_cross_entropy(logits, changed, mask, smoothing))


def test_a_caption_without_tokens_costs_nothing(batch):
    logits, targets, mask = batch
    np.testing.assert_array_equal(caption_cross_entropy(logits, targets, mask * 0), [0, 0, 0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_its_gradient_equals_differences(batch, smoothing):
    logits, targets, mask = batch
    values = tf.Variable(logits.astype(np.float64))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(
            caption_cross_entropy(values, targets, mask.astype(np.float64), smoothing)
        )
    found, step = tape.gradient(loss, values).numpy(), 1e-6
    assert not found[:, :, :2].any()
    for place in np.ndindex(3, 4, 4):
        up, down = logits.astype(np.float64), logits.astype(np.float64)
        up[place[0], place[1], place[2] + 2] += step
        down[place[0], place[1], place[2] + 2] -= step
        rise = np.sum(expected(up, targets, mask, smoothing))
        rise -= np.sum(expected(down, targets, mask, smoothing))
        assert found[place[0], place[1], place[2] + 2] == pytest.approx(rise / (2 * step), abs=1e-6)


def test_tokens_have_the_log_probabilities_of_the_softmax(batch):
    logits, targets, _ = batch
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    expected = np.log(np.take_along_axis(p, targets[..., None], axis=-1)[..., 0])
    np.testing.assert_allclose(token_log_probs(logits, targets), expected, rtol=1e-5)


def test_better_captions_than_the_likeliest_become_likelier(batch):
    _, _, mask = batch
    log_probs, reward = tf.Variable(-np.ones_like(mask)), np.array([2.0, -0.5, 0.0], np.float32)
    with tf.GradientTape() as tape:
        loss = self_critical(log_probs, reward, mask)
    np.testing.assert_allclose(loss, [8.0, -1.0, 0.0])
    np.testing.assert_allclose(tape.gradient(loss, log_probs), -reward[:, None] * mask)
