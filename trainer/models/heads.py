"""Heads of discriminators: from a picture's grid, and mostly a caption, to one logit.

A head is made for a grid of `side` x `side` places with `channels` channels and for sentences of
`condition` numbers; its own layers are sized by `width`. Called with (grid float [N, side, side,
channels], text float [N, condition]) it returns float32 [N] logits. All heads end in float32,
because the logits of a converged discriminator differ in the third digit.
"""

from __future__ import annotations

from keras import layers, ops

from trainer.models.consult import Consult


class Unconditional(layers.Layer):
    """Realness alone: whatever the text, the logit is the same (Goodfellow et al. 2014)."""

    def __init__(self, side: int, channels: int, width: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.verdict = Verdict(side, width)

    def call(self, grid, text):
        return self.verdict(grid)


class MatchingAware(layers.Layer):
    """One logit for realness and matching together, from the sentence at every place.

    Source: GAN-INT-CLS (Reed et al. 2016, section 4.1), with the single joint head of DF-GAN (Tao
    et al. 2022, section 3.3); what places read of the sentence by gates is added before.
    """

    def __init__(self, side: int, channels: int, width: int, condition: int, **kwargs):
        super().__init__(**kwargs)
        self.consult = Consult(channels, condition)
        self.sentence = layers.Dense(width)
        self.verdict = Verdict(side, width)

    def call(self, grid, text):
        said = self.sentence(text)[:, None, None, :]
        said = ops.broadcast_to(said, (*ops.shape(grid)[:-1], said.shape[-1]))
        x = ops.concatenate([self.consult(grid, text), ops.cast(said, grid.dtype)], axis=-1)
        return self.verdict(x)


class Projection(layers.Layer):
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


class Verdict(layers.Layer):
    """A convolution of each place with its neighbours, then all places' word for one logit."""

    def __init__(self, side: int, width: int, **kwargs):
        super().__init__(**kwargs)
        # A single place has no neighbours.
        self.joint = layers.Conv2D(2 * width, min(3, side), padding="same")
        self.squeeze = layers.Conv2D(64, 1, dtype="float32")
        self.flatten = layers.Flatten()
        self.logit = layers.Dense(1, dtype="float32")

    def call(self, x):
        x = ops.leaky_relu(self.joint(x), 0.2)
        x = ops.leaky_relu(self.squeeze(ops.cast(x, "float32")), 0.2)
        return self.logit(self.flatten(x))[:, 0]


HEADS = {
    "matching_aware": MatchingAware,
    "projection": Projection,
    "unconditional": Unconditional,
}
