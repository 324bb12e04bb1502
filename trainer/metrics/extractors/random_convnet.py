"""A convolutional network of fixed random weights: a reference that nobody has trained.

Features of random networks tell sets of pictures apart where trained ones are blind to what they
were not trained on (Naeem et al., Reliable Fidelity and Diversity Metrics, 2020, section 4.2). They
need no file, and are the same everywhere.
"""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
from keras import ops

from trainer.metrics.extractors.base import digest_of, require_pictures

SIDE = 64
WIDTHS = (32, 32, 64, 128)
WIDTH = sum(WIDTHS)
_SLOPE = 0.2
# Brings the mean square of features near 1, which KID's cubic kernel needs: far below, it would
# compare means alone.
_GAIN = 12.0
_BATCH = 128


class RandomConvnet:
    """Four convolutions 3 x 3, a halving after each; what every channel holds at every size.

    A feature is the root mean square of a channel over the picture. The first kernels sum to 0, so
    that they see edges: the brightness of a picture's ground would drown all else.

    Attributes:
      name, digest: see `Extractor`.
    """

    name = "random"

    def __init__(self, seed: int = 0):
        channels = (3, *WIDTHS)
        self._kernels = [
            _kernel(seed, layer, *shape) for layer, shape in enumerate(itertools.pairwise(channels))
        ]
        sizes = f"{SIDE} {_SLOPE} {_GAIN}".encode()
        self.digest = digest_of([sizes, *(kernel.tobytes() for kernel in self._kernels)])

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 [N, h, w, 3] -> float32 [N, 256]."""
        pictures = require_pictures(pictures)
        parts = [
            self._features(pictures[start : start + _BATCH])
            for start in range(0, len(pictures), _BATCH)
        ]
        return np.concatenate([np.zeros((0, WIDTH), np.float32), *parts])

    def _features(self, pictures: np.ndarray) -> np.ndarray:
        x = ops.convert_to_tensor(pictures.astype(np.float32) / 127.5 - 1.0)
        if x.shape[1:3] != (SIDE, SIDE):
            x = ops.image.resize(
                x, (SIDE, SIDE), "bilinear", antialias=True, data_format="channels_last"
            )
        found = []
        for kernel in self._kernels:
            x = ops.conv(x, kernel, padding="same", data_format="channels_last")
            x = ops.leaky_relu(x, _SLOPE)
            found.append(ops.sqrt(ops.mean(ops.square(x), axis=(1, 2))))
            x = ops.average_pool(x, 2, data_format="channels_last")
        return _GAIN * ops.convert_to_numpy(ops.concatenate(found, axis=1))


def _kernel(seed: int, layer: int, inputs: int, outputs: int) -> np.ndarray:
    """float32 [3, 3, inputs, outputs], even draws of the variance of He et al. (2015); those of
    layer 0 sum to 0 over each 3 x 3.

    From a hash, not from a library's random numbers, whose streams may change with its version.
    What is computed is exact or rounded once, and so the same on every machine.
    """
    count = 9 * inputs * outputs
    stream = hashlib.shake_256(f"random convnet {seed} {layer}".encode()).digest(2 * count)
    even = (np.frombuffer(stream, "<u2").astype(np.float64) + 0.5) / 32768.0 - 1.0
    deviation = np.sqrt(3.0 * 2.0 / ((1.0 + _SLOPE**2) * 9 * inputs))
    even = even.reshape(3, 3, inputs, outputs)
    if layer == 0:
        even = even - even.mean((0, 1))
    return (even * deviation).astype("<f4")
