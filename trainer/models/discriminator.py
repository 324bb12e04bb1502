"""Discriminators: the backbone of an architecture, followed by one of several heads."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from trainer.models.layers import Composite, Consult

# Heads map the backbone's feature map, and except for `unconditional` the caption, to one logit.
#
# A head is built for a feature map of `side` x `side` positions with `channels` channels and for
# condition vectors of length `condition`; `width` sizes its own layers. Called with (grid float
# [N, side, side, channels], text float [N, condition]) it returns float32 [N] logits. All heads end
# in float32, because the logits of a converged discriminator differ in the third digit.


class Unconditional(Composite, layers.Layer):
    """Ignores the text: the logit depends on the picture alone (Goodfellow et al. 2014).

    Call arguments:
      grid: float [N, side, side, channels];  text: float [N, condition], unused.
    Returns:
      float32 [N] logits.
    """

    def __init__(self, side: int, channels: int, width: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.verdict = LogitHead(side, width)

    def call(self, grid, text):
        return self.verdict(grid)


class MatchingAware(Composite, layers.Layer):
    """One logit for realness and match, from the caption concatenated at every position.

    Source: GAN-INT-CLS (Reed et al. 2016, section 4.1), with the single joint head of DF-GAN (Tao
    et al. 2022, section 3.3). Gated conditioning comes before it.

    Call arguments:
      grid: float [N, side, side, channels];  text: float [N, condition].
    Returns:
      float32 [N] logits.
    """

    def __init__(self, side: int, channels: int, width: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.consult = Consult(channels, condition)
        self.sentence = layers.Dense(width)
        self.verdict = LogitHead(side, width)

    def call(self, grid, text):
        return self.verdict(self.consult(grid, text), self.sentence(text))


class Projection(Composite, layers.Layer):
    """Projection discriminator: logit = linear(phi) + <V text, phi>.

    phi is the sum of the feature map's activations over positions.
    Source: Miyato and Koyama 2018, equation 3 and figure 1d.

    Call arguments:
      grid: float [N, side, side, channels];  text: float [N, condition].
    Returns:
      float32 [N] logits.
    """

    def __init__(self, side: int, channels: int, width: int, condition: int, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.linear = layers.Dense(1, dtype="float32")
        self.match = layers.Dense(channels, use_bias=False, dtype="float32")

    def call(self, grid, text):
        phi = ops.sum(ops.leaky_relu(grid, 0.2), axis=(1, 2))
        return self.linear(phi)[:, 0] + ops.sum(self.match(text) * phi, axis=-1)


class LogitHead(layers.Layer):
    """Maps a feature map, and optionally a text code, to one logit.

    The layers are a convolution over neighbouring positions, a 1x1 convolution, and a dense layer
    over all positions.

    Call arguments:
      grid: float [N, side, side, C];  said: float [N, w], appended to every position, or None.
    Returns:
      float32 [N] logits.
    """

    def __init__(self, side: int, width: int, **kwargs):
        super().__init__(**kwargs)
        # A feature map of side 1 has no neighbouring positions, so the kernel is 1x1.
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
        """Applies `joint` to `grid` with `said` appended to each position, at half the cost.

        `said` is the same at all positions, so it is multiplied once with each tap of the kernel.
        Each position then sums the taps that lie inside the feature map.
        """
        kernel, channels = self.joint.kernel, grid.shape[-1]
        x = ops.conv(grid, kernel[:, :, :channels], padding="same")
        by_tap = ops.tensordot(ops.cast(said, x.dtype), kernel[:, :, channels:], [[1], [2]])
        by_tap = ops.reshape(by_tap, (-1, self.taps.shape[1], x.shape[-1]))
        shares = ops.matmul(ops.cast(self.taps, x.dtype), by_tap)
        return x + ops.reshape(shares, (-1, *x.shape[1:])) + self.joint.bias


def taps_inside(side: int, size: int) -> np.ndarray:
    """Returns which taps of a centred kernel lie inside the feature map, for each position.

    Args:
      side: side of the feature map.
      size: side of the kernel.

    Returns:
      float32 [side * side, size * size], 1 for a tap inside, else 0.
    """
    places, taps = np.arange(side)[:, None], np.arange(size) - (size - 1) // 2
    inside = ((places + taps >= 0) & (places + taps < side)).astype(np.float32)
    return np.kron(inside, inside)


HEADS = {
    "matching_aware": MatchingAware,
    "projection": Projection,
    "unconditional": Unconditional,
}


# Discriminators: backbone and head.


class Discriminator(Composite, keras.Model):
    """Predicts one logit: realness of the picture and, with most heads, match with the caption.

    `features` reads the pictures alone, `logits` reads captions too. A picture with several
    captions needs its features only once.

    Args:
      body: the backbone, float [N, R, R, 3] -> feature map [N, side, side, channels].
      head: an instance of an entry of `HEADS`.

    Call arguments:
      images: float [N, R, R, 3] in [-1, 1];  text: float [N, c] condition vectors.
    Returns:
      float32 [N] logits.
    """

    def __init__(self, body: layers.Layer, head: layers.Layer, **kwargs):
        super().__init__(**kwargs)
        self.body, self.head = body, head

    def features(self, images):
        """Computes the backbone's features.

        Args:
          images: float [N, R, R, 3] in [-1, 1].

        Returns:
          [N, side, side, channels], in the compute dtype.
        """
        return self.body(images)

    def logits(self, features, text):
        """Computes logits from features.

        Args:
          features: [N, side, side, channels], from `features`.
          text: float [N, c] condition vectors.

        Returns:
          float32 [N].
        """
        return self.head(features, text)

    def call(self, inputs):
        images, text = inputs
        return self.logits(self.features(images), text)
