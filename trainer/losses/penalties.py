"""Penalties on the discriminator's gradient by name, and how heavy and how frequent each is.

All are called as penalty(critic, real, fake, text, seed) and return float32 [N]:
  critic: (images float32 [N, R, R, 3], text float32 [N, d]) -> logits [N], in float32: second
    derivatives lose too much in less.
  real, fake: float32 [N, R, R, 3] in [-1, 1]; row i of both belongs to caption i.
  text: float32 [N, d].
  seed: int32 [2], of whatever is drawn.
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
    """Half the squared gradient norm at generated pictures (the same, equation 10)."""
    return 0.5 * _squared_norm(critic, fake, text)


def r1_r2(critic: Critic, real, fake, text, seed) -> tf.Tensor:
    """R1 + R2, as R3GAN has them (Huang et al. 2024, section 2.3)."""
    return r1(critic, real, fake, text, seed) + r2(critic, real, fake, text, seed)


def wgan_gp(critic: Critic, real, fake, text, seed) -> tf.Tensor:
    """(|grad| - 1)^2 somewhere between each real picture and its generated one.

    Source: Gulrajani et al. 2017, equation 3.
    """
    squared = _squared_norm(critic, interpolates(real, fake, seed), text)
    # The root alone has no derivative where a critic is flat.
    return tf.square(tf.sqrt(squared + 1e-12) - 1.0)


def matching_aware(critic: Critic, real, fake, text, seed) -> tf.Tensor:
    """|grad|^6 at real pictures with their captions, the gradient by picture and caption together.

    Source: MA-GP as DF-GAN's program computes it (Tao et al. 2022, https://github.com/tobran/DF-GAN):
    one norm of both gradients, concatenated. Equation 3 of the paper adds the two norms before it
    raises them, which is never less. Its p = 6 is the power, its factor k = 2 the weight.
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

# Steps from one penalty to the next. Lazy ones: StyleGAN2 (Karras et al. 2020), section 3.1.
INTERVALS = {"r1": 16, "r2": 16, "r1_r2": 16, "wgan_gp": 1, "matching_aware": 16}


class PenaltyTerm(NamedTuple):
    """A penalty as a training adds it: every `every` steps, `weight * every` times its mean."""

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
    """Returns the penalty with what is its own where `weight` or `every` is None.

    Args:
      name: a key of `PENALTIES`, or `none`, for which there is no term.
      resolution: side of the pictures, in pixels.
      batch_size: pictures in a step.
    """
    if name == "none":
        return None
    if weight is None:
        weight = penalty_weight(name, resolution, batch_size)
    return PenaltyTerm(PENALTIES[name], weight, INTERVALS[name] if every is None else every)


def penalty_weight(name: str, resolution: int, batch_size: int) -> float:
    """Weight of a penalty by its source; that of R1 and R2 grows with the number of pixels.

    Sources: Gulrajani et al. 2017, algorithm 1; Tao et al. 2022, section 3.3; for R1 and R2 the
    rule of StyleGAN2-ADA's train.py.
    """
    published = {"wgan_gp": 10.0, "matching_aware": 2.0}
    return published.get(name, 0.0002 * resolution**2 / batch_size)


def interpolates(real, fake, seed) -> tf.Tensor:
    """Points [N, R, R, 3] on the lines from `fake` to `real`, one even draw for each line."""
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
