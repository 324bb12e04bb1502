"""Discriminators: the backbone of an architecture below a head of one's choice."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from trainer.models.layers import Composite, Consult

# Heads of discriminators: from a picture's grid, and mostly a caption, to one logit.
#
# A head is made for a grid of `side` x `side` places with `channels` channels and for sentences of
# `condition` numbers; its own layers are sized by `width`. Called with (grid float [N, side, side,
# channels], text float [N, condition]) it returns float32 [N] logits. All heads end in float32,
# because the logits of a converged discriminator differ in the third digit.


class Unconditional(Composite, layers.Layer):
    """Realness alone: whatever the text, the logit is the same (Goodfellow et al. 2014)."""

    def __init__(self, side: int, channels: int, width: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.verdict = LogitHead(side, width)

    def call(self, grid, text):
        return self.verdict(grid)


class MatchingAware(Composite, layers.Layer):
    """One logit for realness and matching together, from the sentence at every place.

    Source: GAN-INT-CLS (Reed et al. 2016, section 4.1), with the single joint head of DF-GAN (Tao
    et al. 2022, section 3.3); what places read of the sentence by gates is added before.
    """

    def __init__(self, side: int, channels: int, width: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.consult = Consult(channels, condition)
        self.sentence = layers.Dense(width)
        self.verdict = LogitHead(side, width)

    def call(self, grid, text):
        return self.verdict(self.consult(grid, text), self.sentence(text))


class Projection(Composite, layers.Layer):
    """The sentence judges by an inner product: logit = linear(phi) + <V text, phi>.

    phi is the grid's activations summed over its places.
    Source: Miyato and Koyama 2018, equation 3 and figure 1d.
    """

    def __init__(self, side: int, channels: int, width: int, condition: int, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.linear = layers.Dense(1, dtype="float32")
        self.match = layers.Dense(channels, use_bias=False, dtype="float32")

    def call(self, grid, text):
        phi = ops.sum(ops.leaky_relu(grid, 0.2), axis=(1, 2))
        return self.linear(phi)[:, 0] + ops.sum(self.match(text) * phi, axis=-1)


class LogitHead(layers.Layer):
    """A convolution of each place with its neighbours, then all places' word for one logit.

    Call arguments:
      grid: [N, side, side, C];  said: [N, w], appended to every place, or None.
    """

    def __init__(self, side: int, width: int, **kwargs):
        super().__init__(**kwargs)
        # A single place has no neighbours.
        self.joint = layers.Conv2D(2 * width, min(3, side), padding="same")
        self.taps = taps_inside(side, min(3, side))
        self.squeeze = layers.Conv2D(64, 1, dtype="float32")
        self.flatten = layers.Flatten()
        self.logit = layers.Dense(1, dtype="float32")

    def build(self, grid_shape, said_shape=None):
        channels = grid_shape[-1] + (said_shape[-1] if said_shape else 0)
        self.joint.build((*grid_shape[:-1], channels))

    def call(self, grid, said=None):
        x = self.joint(grid) if said is None else self._joined(grid, said)
        x = ops.leaky_relu(x, 0.2)
        x = ops.leaky_relu(self.squeeze(ops.cast(x, "float32")), 0.2)
        return self.logit(self.flatten(x))[:, 0]

    def _joined(self, grid, said):
        """What `joint` gives of `grid` with `said` appended to each place, for half the cost.

        `said` is the same everywhere: it is multiplied once with each tap of the kernel, and a
        place adds up the taps that lie inside the grid.
        """
        kernel, channels = self.joint.kernel, grid.shape[-1]
        x = ops.conv(grid, kernel[:, :, :channels], padding="same")
        by_tap = ops.tensordot(ops.cast(said, x.dtype), kernel[:, :, channels:], [[1], [2]])
        by_tap = ops.reshape(by_tap, (-1, self.taps.shape[1], x.shape[-1]))
        shares = ops.matmul(ops.cast(self.taps, x.dtype), by_tap)
        return x + ops.reshape(shares, (-1, *x.shape[1:])) + self.joint.bias


def taps_inside(side: int, size: int) -> np.ndarray:
    """float32 [side * side, size * size]: 1 where a tap of a centred kernel lies in the grid."""
    places, taps = np.arange(side)[:, None], np.arange(size) - (size - 1) // 2
    inside = ((places + taps >= 0) & (places + taps < side)).astype(np.float32)
    return np.kron(inside, inside)


HEADS = {
    "matching_aware": MatchingAware,
    "projection": Projection,
    "unconditional": Unconditional,
}


# Discriminators: an architecture's body below a head of one's choice.


class Discriminator(Composite, keras.Model):
    """Realness of pictures, and with most heads how well they match a sentence, as one logit.

    `features` reads pictures, `logits` reads sentences too: of a picture with several sentences the
    features are computed once.

    Args:
      body: float [N, R, R, 3] -> the grid that `head` reads, [N, side, side, channels].
      head: an entry of `HEADS`.

    Call arguments:
      images: float [N, R, R, 3] in [-1, 1];  text: float [N, c], the encoder's `condition`.
    Returns:
      float32 [N] logits.
    """

    def __init__(self, body: layers.Layer, head: layers.Layer, **kwargs):
        super().__init__(**kwargs)
        self.body, self.head = body, head

    def features(self, images):
        """float [N, R, R, 3] -> [N, side, side, channels], in the compute dtype."""
        return self.body(images)

    def logits(self, features, text):
        """What `features` returned and float [N, c] sentences -> float32 [N] logits."""
        return self.head(features, text)

    def call(self, inputs):
        images, text = inputs
        return self.logits(self.features(images), text)
