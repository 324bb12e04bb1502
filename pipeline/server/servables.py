"""Loaded versions of models: their signatures, and a manager that lends them to requests.

Signatures run in a session, as in TensorFlow Serving.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

# Registers the operations that text signatures use; TensorFlow Serving has them built in.
import tensorflow_text  # noqa: F401
from tensorflow_serving.apis import prediction_log_pb2

from data.base.plain_paths import without_patterns
from pipeline.server.config import Limits, ModelConfig
from pipeline.server.errors import Code, ServingError, from_tensorflow, invalid
from pipeline.server.http_requests import Deadline
from trainer.export.layout import SIDECAR

# NumPy 1 has arrays of no more dimensions.
MAX_RANK = 32
# Rows of a block; a multiple of the rows that the project's models compute together.
BLOCK = 32
DEFAULT_SIGNATURE = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"
# TensorFlow Serving reads no more of them.
WARMUP_LIMIT = 1000
LOADING, AVAILABLE, UNLOADING, END = "LOADING", "AVAILABLE", "UNLOADING", "END"
_log = logging.getLogger(__name__)


class Spec(NamedTuple):
    """What a signature says of one input.

    Attributes:
      dtype: of the tensor.
      shape: sizes, None where any will do; None for any rank.
    """

    dtype: tf.DType
    shape: tuple[int | None, ...] | None

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape can be fed."""
        if self.shape is None:
            return True
        pairs = zip(self.shape, shape, strict=False)
        return len(shape) == len(self.shape) and all(want in (None, got) for want, got in pairs)

    def check(self, alias: str, dtype: tf.DType, shape: Sequence[int]) -> None:
        """Refuses a tensor that cannot be fed.

        Raises:
          ServingError: it is of another type or shape.
        """
        if dtype != self.dtype:
            raise invalid(f"input {alias} is {dtype.name}, but {self.dtype.name} is expected")
        if len(shape) > MAX_RANK:
            raise invalid(
                f"input {alias} has {len(shape)} dimensions; at most {MAX_RANK} are taken"
            )
        if min(shape, default=0) < 0 or not self.fits(tuple(shape)):
            wanted = ["?" if size is None else size for size in self.shape or ()]
            raise invalid(f"input {alias} has shape {list(shape)}, but {wanted} is expected")

    def check_size(self, alias: str, shape: Sequence[int], itemsize: int, limits: Limits) -> None:
        """Refuses a tensor that is too large, before memory is taken for it.

        Args:
          alias: the input's name.
          shape: one that fits.
          itemsize: bytes of a value.
          limits: of the server.

        Raises:
          ServingError: it has too many rows, or takes too many bytes.
        """
        in_rows = self.shape is None or self.shape[:1] == (None,)
        if in_rows and shape and shape[0] > limits.rows:
            raise invalid(
                f"input {alias} has {shape[0]} rows, and at most {limits.rows} are taken: send "
                "them in several requests, or start the server with a higher --max-rows"
            )
        if (size := math.prod(shape) * itemsize) > limits.body_bytes:
            raise invalid(
                f"input {alias} takes {size} bytes, and at most {limits.body_bytes} are taken: "
                "send less, or start the server with a higher --max-bytes"
            )


class Signature:
    """One signature of a model, ready to run."""

    def __init__(self, session: tf.compat.v1.Session, definition: Any, in_rows: bool):
        """Makes the signature ready.

        Args:
          session: with the model's graph.
          definition: the SignatureDef.
          in_rows: whether each row of an answer depends on that row of the request alone.
        """
        self.definition = definition
        self.inputs = {alias: _spec(info) for alias, info in sorted(definition.inputs.items())}
        self.outputs = sorted(definition.outputs)
        self._in_rows = in_rows and all(
            spec.shape is not None and spec.shape[:1] == (None,) for spec in self.inputs.values()
        )
        self._run: Callable[..., Sequence[np.ndarray]] = session.make_callable(
            [definition.outputs[alias].name for alias in self.outputs],
            [definition.inputs[alias].name for alias in self.inputs],
        )

    def __call__(
        self, tensors: Mapping[str, np.ndarray], deadline: Deadline | None = None
    ) -> dict[str, np.ndarray]:
        """Returns all outputs by alias.

        A run of a graph can be stopped at a time that is known when it begins, but not when a
        client leaves. So, with a deadline, many rows are given to the graph in blocks where that
        changes nothing of the answer.

        Raises:
          ServingError: the tensors are not those of the signature, or the graph refuses them.
          DeadlineExceeded: the deadline came before the end.
        """
        self.check_names(tensors)
        for alias, spec in self.inputs.items():
            spec.check(alias, tf.as_dtype(tensors[alias].dtype), tensors[alias].shape)
        rows = {len(tensor) for tensor in tensors.values()} if self._in_rows else {0}
        if deadline is not None and len(rows) == 1 and max(rows) > BLOCK:
            return self._in_blocks(tensors, max(rows), deadline)
        return self._at_once(tensors, deadline)

    def _in_blocks(
        self, tensors: Mapping[str, np.ndarray], rows: int, deadline: Deadline
    ) -> dict[str, np.ndarray]:
        parts = [
            self._at_once(
                {alias: tensor[start : start + BLOCK] for alias, tensor in tensors.items()},
                deadline,
            )
            for start in range(0, rows, BLOCK)
        ]
        return {alias: np.concatenate([part[alias] for part in parts]) for alias in self.outputs}

    def _at_once(
        self, tensors: Mapping[str, np.ndarray], deadline: Deadline | None
    ) -> dict[str, np.ndarray]:
        options = None
        if deadline is not None:
            left = max(1, round(1000 * deadline.remaining()))
            options = tf.compat.v1.RunOptions(timeout_in_ms=left)
        try:
            values = self._run(*(tensors[alias] for alias in self.inputs), options=options)
        except tf.errors.OpError as error:
            if deadline is not None and isinstance(error, tf.errors.DeadlineExceededError):
                raise deadline.exceeded() from None
            raise from_tensorflow(error) from error
        # TensorFlow gives a single string as bytes.
        arrays = [np.asarray(one, object if isinstance(one, bytes) else None) for one in values]
        return dict(zip(self.outputs, arrays, strict=True))

    def check_names(self, names: Collection[str]) -> None:
        """Refuses inputs that are not those of the signature.

        Raises:
          ServingError: some are missing, or unknown.
        """
        missing, extra = set(self.inputs) - set(names), set(names) - set(self.inputs)
        if missing or extra:
            raise invalid(
                f"input size does not match signature: {len(names)}!={len(self.inputs)}. "
                f"Sent extra: {{{','.join(sorted(extra))}}}. "
                f"Missing but required: {{{','.join(sorted(missing))}}}."
            )


class Servable:
    """A loaded SavedModel.

    Attributes:
      name, version: what it is served as.
      content: `content_of` its files; a version of the same content is the same model. Kept by the
        manager.
      signatures: by name, those of the SavedModel that take input.
      users: requests that are using it now; kept by the manager.
    """

    def __init__(self, name: str, version: int, directory: Path):
        """Loads, and replays the warm-up requests that lie beside the model.

        Raises:
          OSError, tf.errors.OpError, RuntimeError: it cannot be loaded.
          ServingError: a warm-up request fails.
        """
        self.name, self.version, self.users = name, version, 0
        self.content = b""
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        try:
            with self._session.graph.as_default():
                # Deprecated for people, not for servers: it restores signatures by name.
                meta = tf.compat.v1.saved_model.load(
                    self._session, [tf.saved_model.SERVING], without_patterns(str(directory))
                )
            # The project's own models promise it.
            in_rows = (directory / SIDECAR).is_dir()
            self.signatures = {
                key: Signature(self._session, definition, in_rows)
                for key, definition in sorted(meta.signature_def.items())
                if definition.inputs
            }
            self._warm_up(directory / WARMUP)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Frees the model's memory; no request may come after."""
        self._session.close()

    def signature(self, name: str) -> Signature:
        """Returns the signature called `name`, the default one for an empty name.

        Raises:
          ServingError: there is none.
        """
        key = name or DEFAULT_SIGNATURE
        if key not in self.signatures:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f'Serving signature name: "{key}" not found in signature def. '
                f"{self.name} has {', '.join(self.signatures)}.",
            )
        return self.signatures[key]

    def _warm_up(self, path: Path) -> None:
        for signature, tensors in warmup_requests(path):
            self.signature(signature)(tensors)


def content_of(directory: Path) -> bytes:
    """The digest of all files of a SavedModel; not of those that say where it came from."""
    digest = hashlib.blake2b()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = path.relative_to(directory)
        if not name.is_relative_to(SIDECAR):
            digest.update(f"{name}:{path.stat().st_size}:".encode())
            digest.update(path.read_bytes())
    return digest.digest()


def warmup_requests(path: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yields signature name and inputs of each warm-up request in a file, if there is one."""
    if not path.is_file():
        return
    records = tf.data.TFRecordDataset(str(path)).take(WARMUP_LIMIT)
    for record in records.as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        tensors = {alias: tf.make_ndarray(value) for alias, value in request.inputs.items()}
        yield request.model_spec.signature_name, tensors


def _spec(info: Any) -> Spec:
    shape = info.tensor_shape
    sizes = tuple(None if dim.size < 0 else dim.size for dim in shape.dim)
    return Spec(tf.as_dtype(info.dtype), None if shape.unknown_rank else sizes)


@dataclass(frozen=True)
class Status:
    """State of one version, by the names of TensorFlow Serving's ModelVersionStatus.

    Attributes:
      state: `LOADING`, `AVAILABLE`, `UNLOADING` or `END`.
      error: why it could not be loaded.
    """

    state: str
    error: str = ""


class Manager:
    """Loads, swaps and lends models.

    A new version is loaded and warmed before the one that it replaces is let go, and that one is
    let go when its last request has been answered. It stays in memory until the next new version:
    should that one have its files, as after a rollback, it answers at once.
    A version that does not load leaves all others as they are, and where none is loaded, as at the
    start, the next older one is; it is tried again when its files change.
    """

    def __init__(self, models: Sequence[ModelConfig]):
        self._models = {model.name: model for model in models}
        self._loaded: dict[tuple[str, int], Servable] = {}
        self._retired: dict[str, Servable] = {}
        self._statuses: dict[tuple[str, int], Status] = {}
        self._failed: dict[tuple[str, int], object] = {}
        self._changed = threading.Condition()
        self._updating = threading.Lock()

    def configure(self, models: Sequence[ModelConfig]) -> None:
        """Serves other models from now on, and drops those that are not named."""
        with self._changed:
            self._models = {model.name: model for model in models}
        self.update()

    def update(self) -> None:
        """Looks at the directories once: loads what is new, then lets go what is not wanted."""
        with self._updating:
            kept = {key for model in self._models.values() for key in self._kept(model)}
            for key in [key for key in self._loaded if key not in kept]:
                self._unload(key)
            for name in [name for name in self._retired if name not in self._models]:
                self._retired.pop(name).close()

    def close(self) -> None:
        """Lets all models go."""
        with self._updating:
            for key in list(self._loaded):
                self._unload(key)
            while self._retired:
                self._retired.popitem()[1].close()

    def known(self) -> dict[tuple[str, int], Status]:
        """The states of all versions that were ever seen, by model and version."""
        with self._changed:
            return dict(sorted(self._statuses.items()))

    def name_of(self, asked: str) -> str:
        """The name that was asked for if it is a model's, else "": clients may ask for anything."""
        return asked if asked in self._models else ""

    @contextmanager
    def lend(self, name: str, version: int | None = None, label: str = "") -> Iterator[Servable]:
        """Holds a model for one request: the newest version unless one is named.

        Raises:
          ServingError: there is no such model, version or label.
        """
        with self._changed:
            servable = self._pick(name, version, label)
            servable.users += 1
        try:
            yield servable
        finally:
            with self._changed:
                servable.users -= 1
                self._changed.notify_all()

    def statuses(self, name: str, version: int | None = None, label: str = "") -> dict[int, Status]:
        """States of all versions of a model that were ever seen, or of one, the newest first.

        Raises:
          ServingError: there is no such model, version or label.
        """
        with self._changed:
            if label:
                version = self._version_of(name, label)
            found = {
                number: status
                for (model, number), status in sorted(self._statuses.items(), reverse=True)
                if model == name and version in (None, number)
            }
        if found:
            return found
        if version is None:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        raise ServingError(Code.NOT_FOUND, f"Could not find version {version} of model {name}")

    def _pick(self, name: str, version: int | None, label: str) -> Servable:
        if label:
            if version is not None:
                raise invalid(
                    f"Both model version ({version}) and model version label ({label}) are given"
                )
            version = self._version_of(name, label)
        asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        loaded = [number for model, number in self._loaded if model == name]
        if version is None:
            version = max(loaded, default=-1)
        if version not in loaded:
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {asked}")
        return self._loaded[name, version]

    def _version_of(self, name: str, label: str) -> int:
        model = self._models.get(name)
        if model is None:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        if label not in model.labels:
            raise invalid(f"Unrecognized servable version label: {label}")
        return model.labels[label]

    def _kept(self, model: ModelConfig) -> set[tuple[str, int]]:
        """Loads what is new, and returns the versions to keep: all, until as many as are wanted
        are loaded."""
        versions, count = model.choice()
        loaded: set[tuple[str, int]] = set()
        for version, directory in versions.items():
            if len(loaded) < count and self._load((model.name, version), directory):
                loaded.add((model.name, version))
        if len(loaded) < count:
            loaded |= {key for key in self._loaded if key[0] == model.name}
        return loaded

    def _load(self, key: tuple[str, int], directory: Path) -> bool:
        """Whether a version is loaded, which it is tried to be if its files are new."""
        if key in self._loaded:
            return True
        files = _files(directory)
        if self._failed.get(key) == files:
            return False
        self._tell(key, Status(LOADING))
        try:
            # Before loading: what is still being copied must not pass for what it becomes.
            content = content_of(directory)
            servable = self._taken_back(*key, content) or Servable(*key, directory)
            servable.content = content
        except Exception as error:
            self._failed[key] = files
            self._tell(key, Status(END, f"{type(error).__name__}: {error}"))
            _log.warning("%s version %d does not load from %s: %s", *key, directory, error)
            return False
        self._failed.pop(key, None)
        with self._changed:
            self._loaded[key] = servable
        self._tell(key, Status(AVAILABLE))
        _log.info("%s version %d is served from %s", *key, directory)
        return True

    def _taken_back(self, name: str, version: int, content: bytes) -> Servable | None:
        """The model that was let go last, under its new number, if its content is this one; if not,
        it is closed, so that there are never three."""
        servable = self._retired.pop(name, None)
        if servable is None:
            return None
        if servable.content != content:
            servable.close()
            return None
        servable.version = version
        return servable

    def _unload(self, key: tuple[str, int]) -> None:
        with self._changed:
            servable = self._loaded.pop(key)
            self._statuses[key] = Status(UNLOADING)
            self._changed.wait_for(lambda: servable.users == 0)
        if key[0] in self._retired:
            self._retired[key[0]].close()
        self._retired[key[0]] = servable
        self._tell(key, Status(END))
        _log.info("%s version %d is no longer served", *key)

    def _tell(self, key: tuple[str, int], status: Status) -> None:
        with self._changed:
            self._statuses[key] = status


def _files(directory: Path) -> object:
    """What tells whether files of a version changed, such as those of a copy under way."""
    stats = {path: path.stat() for path in directory.rglob("*") if path.is_file()}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}
