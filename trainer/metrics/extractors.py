"""From pictures to feature vectors; the only part of the metrics that needs TensorFlow."""

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

# What figures ask of a network that turns pictures into feature vectors.


_DIGITS = 12


class Extractor(Protocol):
    """Pictures in, features out.

    Attributes:
      name: as it stands in the names of figures, such as `inception`.
      digest: hex digits that stand for all that decides about its features: weights, layers, sizes.
    """

    name: str
    digest: str

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 [N, h, w, 3] -> float32 [N, d]."""


def identity(extractor: Extractor) -> str:
    """`name:digest`, as a `Metric` carries it."""
    return f"{extractor.name}:{extractor.digest}"


def digest_of(parts: Iterable[bytes]) -> str:
    """12 hex digits that stand for the bytes of all parts, in order, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:_DIGITS]


def require_pictures(pictures: np.ndarray) -> np.ndarray:
    """The pictures, if they are uint8 [N, h, w, 3].

    Generated pictures are rounded to bytes before anything is measured, for this is what people
    get, and what real pictures are (Parmar et al., On Aliased Resizing, 2022, section 3).

    Raises:
      ValueError: they are not.
    """
    pictures = np.asarray(pictures)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise ValueError(
            f"pictures {pictures.dtype} {pictures.shape} must be uint8 [N, h, w, 3]: round to 0 to "
            "255 first"
        )
    return pictures


# Features of reference pictures, kept on disk under what they depend on.


_LOG = logging.getLogger(__name__)
_DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)

Arrays = dict[str, np.ndarray]


class FeatureCache:
    """Arrays by pictures and extractor, one file each.

    A file is written under another name and then renamed, so that it is whole or not there. One
    that has been damaged since is told by its checksums, or by the count of its rows, and computed
    again.
    """

    def __init__(self, directory: str | None):
        """Keeps files in `directory`, which may be remote and need not exist; None keeps none."""
        self._directory = directory

    def arrays(
        self, pictures: Iterable[bytes], extractor: str, compute: Callable[[], Arrays]
    ) -> Arrays:
        """What `compute` returns, from disk where it was computed before.

        Args:
          pictures: the encoded reference pictures, in order.
          extractor: all else that the arrays depend on, such as `identity(extractor)` and the side
            that pictures are brought to.
          compute: returns arrays of a row for each picture.
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


# InceptionV3 with weights from a file that the user gives.


INCEPTION_SIDE = 299
INCEPTION_WIDTH = 2048
_CLASSES = 1000
_INCEPTION_BATCH = 32


class Inception:
    """`keras.applications.InceptionV3`, its pooled features and its classes.

    Pictures are resized once, with antialiasing, from bytes to float, and not rounded again (Parmar
    et al., On Aliased Resizing, 2022). Published FIDs mostly rest on another set of weights (of
    2015): figures compare only where the digest is the same.

    Attributes:
      name, digest: see `Extractor`; the digest is that of the file.
      classifies: whether the file holds the classes too, without which there is no inception score.
    """

    name = "inception"

    def __init__(self, weights: str):
        """Reads `weights`, an .h5 or .weights.h5 file of the whole network or without its top.

        Raises:
          SettingsError: there is no such file, or its weights do not fit.
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
        # A network of one output returns it bare.
        return tf.nest.flatten(self._model(x / 127.5 - 1.0, training=False))


def _loaded(weights: str, top: bool) -> keras.Model | None:
    """The network with those weights, or None where they do not fit it."""
    pooling = None if top else "avg"
    model = keras.applications.InceptionV3(include_top=top, weights=None, pooling=pooling)
    try:
        model.load_weights(weights)
    except (ValueError, KeyError, OSError):
        return None
    return model


# A convolutional network of fixed random weights: a reference that nobody has trained.
#
# Features of random networks tell sets of pictures apart where trained ones are blind to what they
# were not trained on (Naeem et al., Reliable Fidelity and Diversity Metrics, 2020, section 4.2).
# They need no file, and are the same everywhere.


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
