"""Penalties on the discriminator's gradient; call them with a float32 discriminator."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def r1(critic: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], images: tf.Tensor, text: tf.Tensor):
    """Half the squared gradient norm at real pictures (Mescheder et al. 2018, equation 9).

    Args:
      critic: (images float32 [N, R, R, 3], text float32 [N, d]) -> logits [N].

    Returns:
      float32 [N].
    """
    by_image, _ = _gradients(critic, images, text)
    return 0.5 * tf.reduce_sum(tf.square(by_image), axis=[1, 2, 3])


def matching_aware(
    critic: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], images: tf.Tensor, text: tf.Tensor
):
    """Matching-aware penalty |grad|^6 at real pictures with their captions.

    Source: DF-GAN (Tao et al. 2022), equation 3 with p = 6; its factor k = 2 is the weight.
    """
    by_image, by_text = _gradients(critic, images, text)
    squared = tf.reduce_sum(tf.square(by_image), axis=[1, 2, 3])
    squared += tf.reduce_sum(tf.square(by_text), axis=1)
    return squared**3


def _gradients(critic, images, text):
    images, text = tf.convert_to_tensor(images), tf.convert_to_tensor(text)
    with tf.GradientTape() as tape:
        tape.watch([images, text])
        logits = critic(images, text)
    return tape.gradient(logits, [images, text])


PENALTIES = {"r1": r1, "matching_aware": matching_aware}
