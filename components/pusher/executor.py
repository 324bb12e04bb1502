"""Executor of the stock Pusher that publishes a model whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import time
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.components.pusher import executor as stock
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.types.standard_component_specs import PUSH_DESTINATION_KEY, PUSHED_MODEL_KEY
from tfx.utils import io_utils, proto_utils

from components.last_blessed.executor import SAVED_MODEL
from data.sources import files
from trainer.export.layout import FINGERPRINT

# Servers look at numbers alone, so they never see what begins so.
PARTIAL = ".push-"


class Executor(stock.Executor):
    """Copies a blessed model beside the served ones, compares the copy, and then publishes it.

    The stock executor copies into the served folder. A disk that fills up then leaves a damaged
    model as the newest version, and a push that was killed is made twice.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Marks `pushed_model` as the stock executor does: pushed or not, where, which version."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[PUSH_DESTINATION_KEY], destination)
        base = destination.filesystem.base_directory
        # First the copy that nobody serves: where it does not fit, nothing is published.
        io_utils.copy_dir(model, pushed.uri)
        version = str(already_pushed(model, base) or publish(model, base, time.time()))
        place = posixpath.join(base, version)
        self._MarkPushed(pushed, pushed_destination=place, pushed_version=version)
        logging.info("Model pushed to %s", place)


def already_pushed(model: str, base: str) -> int | None:
    """The newest version in `base` if it is this very `model`: a push that was killed after it."""
    newest = max(_numbers(base), default=None)
    if newest is None:
        return None
    version = posixpath.join(base, str(newest))
    own = posixpath.join(model, FINGERPRINT)
    same = tf.io.gfile.exists(own) and not _differing(model, version, _names(model))
    return newest if same else None


def publish(model: str, base: str, now: float) -> int:
    """Publishes the SavedModel `model` as a version of `base`, whole or not at all.

    Args:
      model: a directory, may be a URI.
      base: of the versions, may be a URI and may be missing.
      now: seconds since 1970. They are the number, unless a version has a higher one, from a clock
        that was ahead: servers take the highest.

    Returns:
      The number.

    Raises:
      OSError: the copy is not like the model.
    """
    number = max([int(now), *(found + 1 for found in _numbers(base))])
    final = posixpath.join(base, str(number))
    # A store such as gs:// cannot rename a folder at once: there the file by which servers and
    # LastBlessed know a whole model is copied last.
    remote = files.is_remote(base)
    place = final if remote else posixpath.join(base, f"{PARTIAL}{number}")
    _remove_partial(base)
    try:
        io_utils.copy_dir(model, place, deny_regex_patterns=[r"saved_model\.pb"])
        _require_equal(model, place, [name for name in _names(model) if name != SAVED_MODEL])
        last = posixpath.join(model, SAVED_MODEL)
        tf.io.gfile.copy(last, posixpath.join(place, SAVED_MODEL), overwrite=True)
        _require_equal(model, place, [SAVED_MODEL])
        if not remote:
            tf.io.gfile.rename(place, final)
    except BaseException:
        with contextlib.suppress(tf.errors.OpError):
            tf.io.gfile.rmtree(place)
        raise
    return number


def _differing(model: str, copy: str, names: Sequence[str]) -> list[str]:
    """Those `names` of files of `model` that `copy` lacks or has otherwise."""
    return [name for name in names if _digest(model, name) != _digest(copy, name)]


def _require_equal(model: str, copy: str, names: Sequence[str]) -> None:
    if wrong := _differing(model, copy, names):
        raise OSError(f"{copy}: {wrong[0]} is not as in {model}; is there space on the disk?")


def _remove_partial(base: str) -> None:
    """Removes what a killed push has left."""
    for name in _listed(base):
        if name.startswith(PARTIAL):
            tf.io.gfile.rmtree(posixpath.join(base, name))


def _numbers(base: str) -> list[int]:
    return [int(name) for name in _listed(base) if name.isdecimal()]


def _listed(base: str) -> list[str]:
    if not tf.io.gfile.isdir(base):
        return []
    return [name.rstrip("/") for name in tf.io.gfile.listdir(base)]


def _names(model: str) -> list[str]:
    found = []
    for folder, _, names in tf.io.gfile.walk(model):
        below = posixpath.relpath(folder, model)
        found += [posixpath.normpath(posixpath.join(below, name)) for name in names]
    return sorted(found)


def _digest(model: str, name: str) -> bytes | None:
    path = posixpath.join(model, name)
    if not tf.io.gfile.exists(path):
        return None
    return hashlib.sha256(files.read(path)).digest()
