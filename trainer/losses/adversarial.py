"""Adversarial losses on logits by name, each with the rules that its source plays it by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops


class AdversarialLoss(NamedTuple):
    """What each side of the game minimises, the mean over the batch of losses by example.

    Both sides take (real, fake), float [N] logits, and return float [N] in their dtype. A logit is
    the larger, the more real the discriminator thinks a picture. Wherever the logits of pictures
    with wrong captions take the place of `fake`, the discriminator's side is GAN-CLS's (Reed et
    al. 2016, algorithm 1).

    Attributes:
      discriminator: its losses.
      generator: its losses; reads `real` only if the loss is paired, else `real` may be None.
      paired: the loss is of differences real[i] - fake[i], for the generator too.
      penalty: name of the penalty on the discriminator that goes with the loss: the one of its
        source, or R1 (Mescheder et al. 2018) where the source has none.
      discriminator_steps: updates of the discriminator for each update of the generator.
      clip: after each of its updates, every weight of the discriminator is clipped to
        [-clip, clip]; None leaves them as they are.
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
    """log(1 - sigmoid(fake)), whose gradient vanishes where the discriminator is sure."""
    return ops.negative(ops.softplus(fake))


def _non_saturating(real, fake):
    """-log sigmoid(fake)."""
    return ops.softplus(-fake)


def _squares(real, fake):
    return 0.5 * (ops.square(real - 1.0) + ops.square(fake))


def _generator_square(real, fake):
    return 0.5 * ops.square(fake - 1.0)


def _difference(real, fake):
    return ops.subtract(fake, real)


def _negative(real, fake):
    return ops.negative(fake)


def _hinge(real, fake):
    return ops.relu(1.0 - real) + ops.relu(1.0 + fake)


def _relativistic_discriminator(real, fake):
    """-log sigmoid(real - fake): the real picture is the more real one of the pair."""
    return ops.softplus(fake - real)


def _relativistic_generator(real, fake):
    return ops.softplus(real - fake)


ADVERSARIAL = {
    # Goodfellow et al. 2014, equation 1.
    "minimax": AdversarialLoss(_cross_entropy, _saturating),
    # The same, section 3: the generator maximises log D(G(z)) instead.
    "non_saturating": AdversarialLoss(_cross_entropy, _non_saturating),
    # Mao et al. 2017, equation 9: labels 0 and 1, and the generator wants 1.
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
