"""Networks that turn pictures into feature vectors; the only metrics module with TensorFlow."""

from __future__ import annotations

import hashlib
import io
import itertools
import logging
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from data.base import files
from data.base.graphs import graph_of_rows
from trainer.settings_loader import SettingsError

# The interface of feature extractors.


_DIGITS = 12


class Extractor(Protocol):
    """Maps pictures to features.

    Attributes:
      name: part of the names of metrics, such as `inception`.
      digest: hash, in hex, of all that the features depend on: weights, layers, sizes.
    """

    name: str
    digest: str

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 [N, h, w, 3] -> float32 [N, d]."""


def identity(extractor: Extractor) -> str:
    """`name:digest`, the value of `Metric.extractor`."""
    return f"{extractor.name}:{extractor.digest}"


def digest_of(parts: Iterable[bytes]) -> str:
    """The first 12 hex digits of the SHA-256 of all parts in order, each preceded by its length."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:_DIGITS]


def require_pictures(pictures: np.ndarray) -> np.ndarray:
    """Returns the pictures if they are uint8 [N, h, w, 3].

    Generated pictures are rounded to bytes before anything is measured: users get bytes, and real
    pictures are bytes (Parmar et al., On Aliased Resizing, 2022, section 3).

    Raises:
      ValueError: they have another shape or dtype.
    """
    pictures = np.asarray(pictures)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise ValueError(
            f"pictures {pictures.dtype} {pictures.shape} must be uint8 [N, h, w, 3]: round to 0 to "
            "255 first"
        )
    return pictures


# A cache on disk for the features of reference pictures.


_LOG = logging.getLogger(__name__)
_DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)

Arrays = dict[str, np.ndarray]


class FeatureCache:
    """Caches arrays by pictures and extractor, one file each.

    Writes are atomic: a file is written under another name and then renamed. A file that was
    damaged later is detected by its checksums or its number of rows, and computed again.
    """

    def __init__(self, directory: str | None):
        """Stores files in `directory`, which may be remote and need not exist; None stores none."""
        self._directory = directory

    def arrays(
        self, pictures: Iterable[bytes], extractor: str, compute: Callable[[], Arrays]
    ) -> Arrays:
        """Returns the arrays of `compute`, from disk if they were computed before.

        Args:
          pictures: the encoded reference pictures, in order.
          extractor: everything else that the arrays depend on, such as `identity(extractor)` and
            the side that pictures are resized to.
          compute: returns arrays with one row for each picture.
        """
        if self._directory is None:
            return compute()
        encoded = list(pictures)
        key = digest_of([extractor.encode(), *encoded])
        path = files.join(self._directory, f"{_plain(extractor)}-{key}.npz")
        found = self._read(path, len(encoded))
        if found is None:
            found = compute()
            files.write_whole(path, _packed(found))
        return found

    def _read(self, path: str, rows: int) -> Arrays | None:
        if not files.is_file(path):
            return None
        try:
            with np.load(io.BytesIO(files.read(path)), allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive.files}
            if not found or any(len(array) != rows for array in found.values()):
                raise ValueError(f"{rows} rows are expected")
        except _DAMAGE as error:
            _LOG.warning("%s is damaged (%s); its features are computed again", path, error)
            return None
        return found


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


# InceptionV3 with weights from the user's file.


INCEPTION_SIDE = 299
INCEPTION_WIDTH = 2048
_CLASSES = 1000
_INCEPTION_BATCH = 32


class Inception:
    """`keras.applications.InceptionV3`: pooled features and class probabilities.

    Pictures are resized once, with antialiasing, from bytes to float, and not rounded again (Parmar
    et al., On Aliased Resizing, 2022). Most published FIDs use other weights (of 2015): compare
    values only if the digest is the same.

    Attributes:
      name, digest: see `Extractor`; the digest is that of the file.
      classifies: whether the file has the classification layer, which the inception score needs.
    """

    name = "inception"

    def __init__(self, weights: str):
        """Reads `weights`, an .h5 or .weights.h5 file of the whole network or without its top.

        Raises:
          SettingsError: the file does not exist, or its weights do not fit.
        """
        path = Path(weights)
        if not path.is_file():
            raise SettingsError(f"{weights}: no such file; give the weights of Keras's InceptionV3")
        self.digest = digest_of([path.read_bytes()])
        whole = _loaded(weights, True)
        self.classifies = whole is not None
        model = whole if whole is not None else _loaded(weights, False)
        if model is None:
            raise SettingsError(
                f"{weights}: these are not the weights of keras.applications.InceptionV3, neither "
                "with its top nor without"
            )
        outputs = [model.output]
        if self.classifies:
            outputs = [model.get_layer("avg_pool").output, model.output]
        self._model = keras.Model(model.input, outputs)
        self._run = graph_of_rows(self._look)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 [N, h, w, 3] -> float32 [N, 2048]."""
        return self.look(pictures)[0]

    def look(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """uint8 [N, h, w, 3] -> features float32 [N, 2048], probabilities [N, 1000] or None."""
        pictures = require_pictures(pictures)
        found = [
            [np.asarray(part) for part in self._run(pictures[start : start + _INCEPTION_BATCH])]
            for start in range(0, len(pictures), _INCEPTION_BATCH)
        ]
        features = np.concatenate(
            [np.zeros((0, INCEPTION_WIDTH), np.float32), *(parts[0] for parts in found)]
        )
        if not self.classifies:
            return features, None
        none = np.zeros((0, _CLASSES), np.float32)
        return features, np.concatenate([none, *(parts[1] for parts in found)])

    def _look(self, pictures):
        size = [INCEPTION_SIDE, INCEPTION_SIDE]
        x = tf.image.resize(tf.cast(pictures, tf.float32), size, "bicubic", antialias=True)
        # A network with one output returns a tensor, not a list.
        return tf.nest.flatten(self._model(x / 127.5 - 1.0, training=False))


def _loaded(weights: str, top: bool) -> keras.Model | None:
    """The network with those weights, or None if they do not fit."""
    pooling = None if top else "avg"
    model = keras.applications.InceptionV3(include_top=top, weights=None, pooling=pooling)
    try:
        model.load_weights(weights)
    except (ValueError, KeyError, OSError):
        return None
    return model


# A convolutional network with fixed random weights.
#
# Random features distinguish sets of pictures that are unlike the training data of a trained
# network (Naeem et al., Reliable Fidelity and Diversity Metrics, 2020, section 4.2). They need no
# file and are the same on every machine.


SIDE = 64
WIDTHS = (32, 32, 64, 128)
WIDTH = sum(WIDTHS)
_SLOPE = 0.2
# Scales features to a mean square near 1. Far below 1, KID's cubic kernel is almost linear and
# compares only means.
_GAIN = 12.0
_BATCH = 128


class RandomConvnet:
    """Four 3 x 3 convolutions with average pooling by 2 after each; features from all layers.

    A feature is the root mean square of a channel over the picture. The kernels of the first layer
    sum to 0, so they detect edges: otherwise the brightness of the background would dominate.

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
    """A kernel, float32 [3, 3, inputs, outputs], drawn uniformly with the variance of He et al.
    (2015). In layer 0, each 3 x 3 sums to 0.

    The numbers come from a hash, because the streams of a library's generator may change with its
    version. Every operation is exact or rounded once, so the result is the same on every machine.
    """
    count = 9 * inputs * outputs
    stream = hashlib.shake_256(f"random convnet {seed} {layer}".encode()).digest(2 * count)
    even = (np.frombuffer(stream, "<u2").astype(np.float64) + 0.5) / 32768.0 - 1.0
    deviation = np.sqrt(3.0 * 2.0 / ((1.0 + _SLOPE**2) * 9 * inputs))
    even = even.reshape(3, 3, inputs, outputs)
    if layer == 0:
        even = even - even.mean((0, 1))
    return (even * deviation).astype("<f4")
