"""Adversarial losses on logits by name, each with the training rules of its source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops


class AdversarialLoss(NamedTuple):
    """The losses of discriminator and generator, per example; both minimise the batch mean.

    Both functions take (real, fake), float [N] logits, and return float [N] of the same dtype. A
    higher logit means more real. With the logits of real pictures with wrong captions as `fake`,
    the discriminator's loss is that of GAN-CLS (Reed et al. 2016, algorithm 1).

    Attributes:
      discriminator: loss of the discriminator.
      generator: loss of the generator; `real` may be None unless the loss is paired.
      paired: the loss depends on the differences real[i] - fake[i], also for the generator.
      penalty: name of the gradient penalty that belongs to the loss: that of its source, or R1
        (Mescheder et al. 2018) if the source has none.
      discriminator_steps: discriminator updates per generator update.
      clip: the discriminator's weights are clipped to [-clip, clip] after each of its updates;
        None does not clip.
    """

    discriminator: Callable[[Any, Any], Any]
    generator: Callable[[Any, Any], Any]
    paired: bool = False
    penalty: str = "r1"
    discriminator_steps: int = 1
    clip: float | None = None


def _cross_entropy(real, fake):
    """-log sigmoid(real) - log(1 - sigmoid(fake))."""
    return ops.softplus(-real) + ops.softplus(fake)


def _saturating(real, fake):
    """log(1 - sigmoid(fake)); its gradient vanishes where the discriminator is certain."""
    return ops.negative(ops.softplus(fake))


def _non_saturating(real, fake):
    """-log sigmoid(fake)."""
    return ops.softplus(-fake)


def _squares(real, fake):
    """((real - 1)^2 + fake^2) / 2."""
    return 0.5 * (ops.square(real - 1.0) + ops.square(fake))


def _generator_square(real, fake):
    """(fake - 1)^2 / 2."""
    return 0.5 * ops.square(fake - 1.0)


def _difference(real, fake):
    """fake - real."""
    return ops.subtract(fake, real)


def _negative(real, fake):
    """-fake."""
    return ops.negative(fake)


def _hinge(real, fake):
    """max(0, 1 - real) + max(0, 1 + fake)."""
    return ops.relu(1.0 - real) + ops.relu(1.0 + fake)


def _relativistic_discriminator(real, fake):
    """-log sigmoid(real - fake): of each pair, the real picture should have the higher logit."""
    return ops.softplus(fake - real)


def _relativistic_generator(real, fake):
    """-log sigmoid(fake - real)."""
    return ops.softplus(real - fake)


ADVERSARIAL = {
    # Goodfellow et al. 2014, equation 1.
    "minimax": AdversarialLoss(_cross_entropy, _saturating),
    # Goodfellow et al. 2014, section 3: the generator maximises log D(G(z)) instead.
    "non_saturating": AdversarialLoss(_cross_entropy, _non_saturating),
    # Mao et al. 2017, equation 9: labels 0 for fake and 1 for real; the generator's target is 1.
    "least_squares": AdversarialLoss(_squares, _generator_square),
    # Arjovsky et al. 2017, algorithm 1.
    "wasserstein": AdversarialLoss(
        _difference, _negative, penalty="none", discriminator_steps=5, clip=0.01
    ),
    # Gulrajani et al. 2017, algorithm 1.
    "wgan_gp": AdversarialLoss(_difference, _negative, penalty="wgan_gp", discriminator_steps=5),
    # Geometric GAN (Lim and Ye 2017), equation 12.
    "hinge": AdversarialLoss(_hinge, _negative),
    # R3GAN (Huang et al. 2024), equation 2: RpGAN (Jolicoeur-Martineau 2019) with softplus.
    "relativistic": AdversarialLoss(
        _relativistic_discriminator, _relativistic_generator, paired=True, penalty="r1_r2"
    ),
}
