"""Keeps the wanted versions of all models loaded, and lends them to requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.model_server.config import ModelConfig
from pipeline.model_server.errors import Code, ServingError, invalid
from pipeline.model_server.servable import Servable, content_of

LOADING, AVAILABLE, UNLOADING, END = "LOADING", "AVAILABLE", "UNLOADING", "END"
_log = logging.getLogger(__name__)


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
