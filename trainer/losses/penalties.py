"""Gradient penalties on the discriminator by name, with their default weights and intervals.

Each is called as penalty(critic, real, fake, text, seed) and returns float32 [N]:
  critic: (images float32 [N, R, R, 3], text float32 [N, d]) -> logits [N]. It computes in float32,
    because second derivatives lose too much precision in bfloat16 and float16.
  real, fake: float32 [N, R, R, 3] in [-1, 1]; row i of both belongs to caption i.
  text: float32 [N, d] condition vectors.
  seed: int32 [2], of random draws; only WGAN-GP draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from trainer.engine.randomness import uniform

Critic = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def r1(critic: Critic, real, fake, text, seed) -> tf.Tensor:
    """Half the squared gradient norm at real pictures (Mescheder et al. 2018, equation 9)."""
    return 0.5 * _squared_norm(critic, real, text)


def r2(critic: Critic, real, fake, text, seed) -> tf.Tensor:
    """Half the squared gradient norm at generated pictures (Mescheder et al. 2018, equation 10)."""
    return 0.5 * _squared_norm(critic, fake, text)


def r1_r2(critic: Critic, real, fake, text, seed) -> tf.Tensor:
    """R1 + R2, as in R3GAN (Huang et al. 2024, section 2.3)."""
    return r1(critic, real, fake, text, seed) + r2(critic, real, fake, text, seed)


def wgan_gp(critic: Critic, real, fake, text, seed) -> tf.Tensor:
    """(|grad| - 1)^2 at a random point between each real picture and its generated one.

    Source: Gulrajani et al. 2017, equation 3.
    """
    squared = _squared_norm(critic, interpolates(real, fake, seed), text)
    # The constant keeps the derivative of the root finite where the gradient is 0.
    return tf.square(tf.sqrt(squared + 1e-12) - 1.0)


def matching_aware(critic: Critic, real, fake, text, seed) -> tf.Tensor:
    """|grad|^6 at real pictures with their captions, by the gradient with respect to both.

    Source: MA-GP as in the code of DF-GAN (Tao et al. 2022, https://github.com/tobran/DF-GAN): the
    norm of both gradients, concatenated. Equation 3 of the paper adds the two norms before raising
    them to the power, which is never less. Its p = 6 is the power; its factor k = 2 is the weight.
    """
    by_image, by_text = _gradients(critic, real, text)
    squared = tf.reduce_sum(tf.square(by_image), axis=[1, 2, 3])
    squared += tf.reduce_sum(tf.square(by_text), axis=1)
    return squared**3


PENALTIES = {
    "r1": r1,
    "r2": r2,
    "r1_r2": r1_r2,
    "wgan_gp": wgan_gp,
    "matching_aware": matching_aware,
}

# Steps between penalties. Lazy regularisation: StyleGAN2 (Karras et al. 2020), section 3.1.
INTERVALS = {"r1": 16, "r2": 16, "r1_r2": 16, "wgan_gp": 1, "matching_aware": 16}


class PenaltyTerm(NamedTuple):
    """A penalty in training: every `every` steps the loss gains `weight * every` times its mean."""

    penalty: Callable[..., tf.Tensor]
    weight: float
    every: int


def penalty_term(
    name: str,
    *,
    resolution: int,
    batch_size: int,
    weight: float | None = None,
    every: int | None = None,
) -> PenaltyTerm | None:
    """Returns a penalty with its weight and interval, or None for the name `none`.

    Args:
      name: a key of `PENALTIES`, or `none`.
      resolution: side of the pictures, in pixels.
      batch_size: pictures per step.
      weight: None takes `penalty_weight`.
      every: steps between penalties; None takes `INTERVALS`.
    """
    if name == "none":
        return None
    if weight is None:
        weight = penalty_weight(name, resolution, batch_size)
    return PenaltyTerm(PENALTIES[name], weight, INTERVALS[name] if every is None else every)


def penalty_weight(name: str, resolution: int, batch_size: int) -> float:
    """Returns the weight of a penalty in its source; for R1 and R2 it grows with the pixel count.

    Sources: Gulrajani et al. 2017, algorithm 1; Tao et al. 2022, section 3.3; for R1 and R2 the
    rule of StyleGAN2-ADA's train.py.
    """
    published = {"wgan_gp": 10.0, "matching_aware": 2.0}
    return published.get(name, 0.0002 * resolution**2 / batch_size)


def interpolates(real, fake, seed) -> tf.Tensor:
    """Returns a uniformly drawn point on the line from each generated picture to its real one.

    Args:
      real, fake: float32 [N, R, R, 3].
      seed: int32 [2].

    Returns:
      float32 [N, R, R, 3].
    """
    real, fake = tf.convert_to_tensor(real), tf.convert_to_tensor(fake)
    share = uniform(seed, [tf.shape(real)[0], 1, 1, 1], dtype=real.dtype)
    return share * real + (1.0 - share) * fake


def _squared_norm(critic, images, text):
    by_image, _ = _gradients(critic, images, text)
    return tf.reduce_sum(tf.square(by_image), axis=[1, 2, 3])


def _gradients(critic, images, text):
    images, text = tf.convert_to_tensor(images), tf.convert_to_tensor(text)
    with tf.GradientTape() as tape:
        tape.watch([images, text])
        logits = critic(images, text)
    return tape.gradient(logits, [images, text])
