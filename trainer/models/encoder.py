"""Encoder: a shared text-image space and an attribute recogniser.

Two towers map pictures and captions to unit vectors and are trained contrastively (CLIP: Radford et
al. 2021, section 2.3). Both also predict attributes. Captioner and generator use this model frozen.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf
from keras import layers, ops

from data.text import PAD
from trainer.config import EncoderSettings
from trainer.engine.randomness import uniform
from trainer.models.layers import Composite, FusedBatchNormalization, sigmoid

GRID = 8
# Kernel size of the convolutions over captions, in tokens.
PHRASE = 7
# Value of an attribute of probability 1 in the condition vector; the embedding has unit variance.
CERTAIN = 3.0
# Bias of the attribute logits, a probability of about 5 %. Attributes are rare: from a bias of 0,
# the first hundred steps would learn only that.
RARE = keras.initializers.Constant(-3.0)


def patch_side(resolution: int) -> int:
    """Returns the side of the pixel blocks that the picture tower turns into channels."""
    return -(-resolution // (2 * GRID))


class ImageCode(NamedTuple):
    """Output of the picture tower.

    Attributes:
      grid: float [N, 8, 8, C], the feature map.
      embedding: float32 [N, d] unit vectors.
      attributes: float32 [N, A] logits.
    """

    grid: tf.Tensor
    embedding: tf.Tensor
    attributes: tf.Tensor


class TextCode(NamedTuple):
    """Output of the caption tower.

    Attributes:
      embedding: float32 [N, d] unit vectors.
      attributes: float32 [N, A] logits of the attributes of the described picture.
    """

    embedding: tf.Tensor
    attributes: tf.Tensor


class ResidualBlock(Composite, layers.Layer):
    """Two 3x3 convolutions with batch normalisation and a shortcut; the first has the stride."""

    def __init__(self, channels: int, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)
        self.first_norm = FusedBatchNormalization(momentum=0.95)
        self.second = layers.Conv2D(channels, 3, padding="same", use_bias=False)
        self.second_norm = FusedBatchNormalization(momentum=0.95)
        self.pool = layers.AveragePooling2D(stride) if stride > 1 else None
        self.shortcut = layers.Conv2D(channels, 1) if stride > 1 else None

    def call(self, x, training=False):
        h = ops.relu(self.first_norm(self.first(x), training=training))
        h = self.second_norm(self.second(h), training=training)
        if self.pool is not None and self.shortcut is not None:
            x = self.shortcut(self.pool(x))
        return ops.relu(h + x)


class ImageTower(Composite, keras.Model):
    """Convolutional picture tower with an embedding head and an attribute head.

    Call arguments:
      images: float [N, R, R, 3] in [-1, 1]; if R is not a multiple of 16, such as 28, they are
        enlarged to the next multiple.
      training: batch normalisation uses the batch and updates its averages.
      seed: int32 [2], of dropout in training; None applies no dropout.
    """

    def __init__(self, settings: EncoderSettings, attributes: int, resolution: int, **kwargs):
        super().__init__(**kwargs)
        width = settings.width
        # Space-to-depth: no convolution runs above 16 x 16.
        self.patch = patch_side(resolution)
        side = self.patch * 2 * GRID
        self.enlarged = [side, side] if side != resolution else None
        self.stem = layers.Conv2D(2 * width, 3, padding="same")
        self.to_grid = [
            ResidualBlock(2 * width, 1),
            ResidualBlock(4 * width, 2),
            ResidualBlock(4 * width, 1),
        ]
        self.find = layers.Conv2D(8 * width, 1)
        self.to_layout = ResidualBlock(4 * width, 2)
        self.flatten = layers.Flatten()
        self.layout = layers.Dense(8 * width)
        self.norm = layers.LayerNormalization(dtype="float32")
        self.dropout_rate = settings.dropout
        self.project = layers.Dense(settings.embedding, dtype="float32")
        self.recognise = layers.Dense(max(1, attributes), dtype="float32", bias_initializer=RARE)

    def call(self, images, training=False, seed=None) -> ImageCode:
        if self.enlarged is not None:
            images = tf.image.resize(images, self.enlarged)
        if self.patch > 1:
            images = tf.nn.space_to_depth(images, self.patch)
        grid = ops.relu(self.stem(images))
        for block in self.to_grid:
            grid = block(grid, training=training)
        # Object presence is position-independent: max-pool. Layout is not: flatten.
        found = ops.max(ops.relu(self.find(grid)), axis=(1, 2))
        lies = self.flatten(self.to_layout(grid, training=training))
        hidden = ops.concatenate([found, ops.relu(self.layout(lies))], axis=-1)
        hidden = self.norm(ops.cast(hidden, "float32"))
        if training and seed is not None:
            hidden = stateless_dropout(hidden, self.dropout_rate, seed)
        embedding = tf.math.l2_normalize(self.project(hidden), axis=-1)
        return ImageCode(grid, embedding, self.recognise(hidden))


class TextTower(Composite, keras.Model):
    """Caption tower: token features, pooled by mean and maximum over the tokens.

    The features come from a bidirectional GRU, from two convolutions (after Kim 2014, section 2),
    or from a small transformer.

    Call arguments:
      ids: int32 [N, L] token ids, PAD at the end.
    """

    def __init__(
        self,
        settings: EncoderSettings,
        vocabulary: int,
        attributes: int,
        max_length: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kind = settings.text
        width = settings.text_width
        self.words = layers.Embedding(vocabulary, width)
        if self.kind == "gru":
            self.forward_gru = layers.GRU(width, return_sequences=True)
            self.backward_gru = layers.GRU(width, return_sequences=True, go_backwards=True)
        elif self.kind == "convolution":
            self.first = layers.Conv1D(2 * width, PHRASE, padding="same")
            self.second = layers.Conv1D(2 * width, PHRASE, padding="same")
        else:
            self.places = layers.Embedding(max_length, width)
            self.blocks = [TransformerBlock(width) for _ in range(2)]
        # Means and maxima differ in scale. Without normalisation, spatial relations ("above") take
        # far longer to learn.
        self.norm = layers.LayerNormalization(dtype="float32")
        self.project = layers.Dense(settings.embedding, dtype="float32")
        # Attributes are not read from the embedding, which is trained to tell pictures apart and
        # need not keep everything that the caption states.
        self.understand = layers.Dense(2 * width)
        self.recognise = layers.Dense(max(1, attributes), dtype="float32", bias_initializer=RARE)

    def call(self, ids, training=False) -> TextCode:
        mask = ops.not_equal(ids, PAD)
        read = {"gru": self._recur, "convolution": self._convolve, "transformer": self._attend}
        x = read[self.kind](self.words(ids), mask, training)
        pooled = self.norm(_masked_mean_max(ops.cast(x, "float32"), mask))
        embedding = tf.math.l2_normalize(self.project(pooled), axis=-1)
        return TextCode(embedding, self.recognise(ops.relu(self.understand(pooled))))

    def _recur(self, x, mask, training):
        ahead = self.forward_gru(x, mask=mask, training=training)
        back = ops.flip(self.backward_gru(x, mask=mask, training=training), axis=1)
        return ops.concatenate([ahead, back], axis=-1)

    def _convolve(self, x, mask, training):
        present = ops.cast(mask, x.dtype)[:, :, None]
        x = ops.relu(self.first(x * present))
        return x + ops.relu(self.second(x * present))

    def _attend(self, x, mask, training):
        x = x + self.places(ops.arange(x.shape[1]))[None]
        for block in self.blocks:
            x = block(x, mask, training=training)
        return x


class TransformerBlock(Composite, layers.Layer):
    """Pre-norm self-attention and a two-layer perceptron (Vaswani et al. 2017, section 3)."""

    def __init__(self, width: int, heads: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.attention_norm = layers.LayerNormalization()
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.mlp_norm = layers.LayerNormalization()
        self.widen = layers.Dense(4 * width, activation="gelu")
        self.narrow = layers.Dense(width)

    def call(self, x, present, training=False):
        h = self.attention_norm(x)
        x = x + self.attention(h, h, attention_mask=present[:, None, :], training=training)
        return x + self.narrow(self.widen(self.mlp_norm(x)))


class Encoder(Composite, keras.Model):
    """Both towers and the learned temperature of the contrastive loss."""

    def __init__(
        self,
        settings: EncoderSettings,
        vocabulary: int,
        attributes: int,
        resolution: int,
        max_length: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_tower = ImageTower(settings, attributes, resolution, name="image_tower")
        self.text_tower = TextTower(settings, vocabulary, attributes, max_length, name="text_tower")
        self.log_scale = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(2.6),
            name="log_scale",
            dtype="float32",
            autocast=False,
        )

    def call(self, inputs, training=False, seed=None):
        """Encodes pictures and captions.

        Args:
          inputs: pictures float [N, R, R, 3] in [-1, 1] and token ids int32 [N, L].
          training: batch normalisation uses the batch and updates its averages.
          seed: int32 [2], of dropout in training; None applies no dropout.

        Returns:
          (ImageCode, TextCode).
        """
        images, ids = inputs
        code = self.image_tower(images, training=training, seed=seed)
        return code, self.text_tower(ids, training=training)

    def scale(self):
        """Returns the inverse temperature, float32 [], at most 100 (CLIP, section 2.5)."""
        return ops.exp(ops.minimum(ops.convert_to_tensor(self.log_scale), 4.6))


def condition_vector(code: ImageCode | TextCode):
    """Returns the condition vector of pictures or captions.

    It concatenates the embedding, scaled to unit variance, and `CERTAIN` times the probabilities of
    the attributes. The attributes make captions that differ in one word differ in one entry.

    Args:
      code: output of either tower.

    Returns:
      float32 [N, d + A].
    """
    scaled = code.embedding * float(code.embedding.shape[-1]) ** 0.5
    return ops.concatenate([scaled, CERTAIN * sigmoid(code.attributes)], axis=-1)


def stateless_dropout(x, rate: float, seed):
    """Applies inverted dropout.

    The mask of a row is a function of the seed and of its position in the whole batch, so it does
    not depend on micro-batches or replicas.

    Args:
      x: float [N, ...].
      rate: fraction of entries that are dropped.
      seed: int32 [2].
    """
    if rate <= 0:
        return x
    kept = uniform(seed, tf.shape(x)) >= rate
    return tf.where(kept, x / tf.cast(1 - rate, x.dtype), tf.zeros_like(x))


def _masked_mean_max(x, mask):
    weights = ops.cast(mask, "float32")[:, :, None]
    mean = ops.sum(x * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)
    highest = ops.max(x + (weights - 1.0) * 1e4, axis=1)
    return ops.concatenate([mean, highest], axis=-1)
