"""Adversarial losses on logits, a generator and a discriminator side each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops


class AdversarialLoss(NamedTuple):
    """Loss functions of logits [N] -> per-example losses [N]."""

    generator: Callable[[Any], Any]
    real: Callable[[Any], Any]
    fake: Callable[[Any], Any]


def _hinge_generator(fake):
    return -fake


def _hinge_real(real):
    return ops.relu(1.0 - real)


def _hinge_fake(fake):
    return ops.relu(1.0 + fake)


# Geometric GAN (Lim and Ye 2017), equation 12.
HINGE = AdversarialLoss(_hinge_generator, _hinge_real, _hinge_fake)

ADVERSARIAL = {"hinge": HINGE}
