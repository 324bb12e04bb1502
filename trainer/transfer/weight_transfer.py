"""Warm start of a task's networks: loads weights, freezes some, slows down others."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.prepared import PreparedData
from data.text import SPECIAL
from trainer.config import Experiment
from trainer.models.encoder import patch_side
from trainer.settings_loader import SettingsError
from trainer.transfer.start import GENERATOR, WHOLE, Start, StartRecord, kept_and_new
from trainer.transfer.weights import (
    Merged,
    World,
    axes_of,
    layers_of,
    merged,
    named_weights,
    resized_patches,
)

_PATCHES = "image_tower/stem/kernel"
# Number of this use of the run's seed, see `trainer.engine.batches.generator_of`.
_DRAWS = 4


def world_of(
    experiment: Experiment, prepared: PreparedData, languages: Sequence[str] = ("und",)
) -> World:
    """Returns the settings and vocabularies of a stage that is trained on `prepared`."""
    return World(experiment, prepared.tokens.pieces, prepared.attributes, tuple(languages))


class WeightTransfer:
    """Loads weights of an earlier model, freezes some of them and slows down others.

    Call `load` for each network of the task before its optimiser is built, because frozen weights
    are not trainable; then call `summary`.

    Attributes:
      record: record of the transfer; None without an earlier model.
    """

    def __init__(self, stage: str, world: World, start: Start | None):
        self.stage, self.world, self.start = stage, world, start
        self.settings = getattr(world.experiment, stage)
        self.record = _blank_record(start, world) if start else None
        self._known: list[str] = []
        self._shared = False
        self._matched: set[str] = set()
        self._kept: set[int] = set()
        self._held: set[int] = set()
        # 0 before `freeze_until`, then 1. `set_progress` sets it before each step, so it is not
        # part of the checkpoint.
        self._loose = tf.Variable(1.0, trainable=False, name="loose")

    def load(self, part: str, model: keras.Model) -> None:
        """Loads the weights of `model` that the earlier model has, and freezes those of `freeze`.

        Args:
          part: name of the network, see `trainer.transfer.start`.
          model: the built network; its weights are assigned in place.
        """
        prefix = f"{part}/" if part else ""
        before = dict(self.start.parts.get(part, {})) if self.start else {}
        whole = set()
        for place, (name, weight) in enumerate(named_weights(model).items()):
            self._known.append(f"{prefix}{name}")
            old = before.pop(name, None)
            if self.start and self._take(part, name, weight, old, place):
                whole.add(name)
                self._kept.add(id(weight))
        if self.record:
            for name, old in before.items():
                self.record.left.append(f"{prefix}{name} {_shape(old)}")
                self.record.count("left", old.size)
            self._freeze(prefix, model, whole)

    def _take(self, part: str, name: str, weight: keras.Variable, old: Any, place: int) -> bool:
        """Loads one weight; returns whether it was taken over completely."""
        assert self.start is not None and self.record is not None
        called = f"{part}/{name}" if part else name
        kind, found = "new", None
        if old is not None:
            kind, found = self._merged(part, name, weight, old, place)
        if found is None:
            self.record.new.append(f"{called} {_shape(weight)}")
            self.record.count("new", _size(weight))
            if old is not None:
                self.record.left.append(f"{called} {_shape(old)}")
                self.record.count("left", old.size)
            return False
        weight.assign(found.value)
        # The models share something only if they share a kernel; a bias is not enough.
        self._shared |= part in (WHOLE, GENERATOR) and found.value.ndim > 1
        getattr(self.record, kind).append(called)
        self.record.count(kind, found.kept)
        if kind == "grown":
            self.record.count("new", _size(weight) - found.kept)
        return kind == "taken"

    def _merged(self, part, name, weight, old, place) -> tuple[str, Merged | None]:
        assert self.start is not None
        value = np.asarray(weight.numpy())
        if self.stage == "encoder" and name == _PATCHES and old.shape != value.shape:
            return "resized", self._resized(old, value)
        worlds = (self.start.world, self.world)
        axes = [axes_of(self.stage, part, name, value.ndim, world) for world in worlds]
        seed = (self.world.experiment.training.seed, _DRAWS, place)
        found = merged(old, axes[0], value, axes[1], seed)
        whole = found is not None and found.kept == value.size
        return ("taken" if whole else "grown"), found

    def _resized(self, old, value) -> Merged | None:
        assert self.start is not None
        sides = [
            patch_side(world.experiment.data.resolution) for world in (self.start.world, self.world)
        ]
        found = resized_patches(old, *sides)
        if found is None or found.shape != value.shape:
            return None
        return Merged(found, found.size)

    def _freeze(self, prefix: str, model: keras.Model, whole: set[str]) -> None:
        assert self.record is not None
        weights = named_weights(model)
        for name in sorted(name for name in whole if self._named(f"{prefix}{name}")):
            self.record.frozen.append(f"{prefix}{name}")
            if self.settings.freeze_until < 1:
                self._held.add(id(weights[name]))
            else:
                weights[name].trainable = False
        if self.settings.freeze_until == 1:
            _still(prefix, model, set(self.record.frozen))
        if not model.trainable_variables:
            raise SettingsError(
                f"{self.stage}.freeze = {list(self.settings.freeze)} leaves nothing of "
                f"{prefix.rstrip('/') or self.stage} to train"
            )

    def _named(self, name: str) -> bool:
        return any(_names(pattern, name) for pattern in self.settings.freeze)

    def summary(self) -> dict[str, Any] | None:
        """Checks the transfer as a whole and returns its record as JSON-able values.

        Raises:
          SettingsError: the models share no kernel, or a pattern of `freeze` matches no weight.
        """
        for pattern in self.settings.freeze:
            if not any(_names(pattern, name) for name in self._known):
                raise SettingsError(_unknown(self.stage, pattern, self._known))
        if self.start is None or self.record is None:
            return None
        if not self._shared:
            raise SettingsError(
                f"start_from: {self.start.directory} shares no kernel with the {self.stage} of "
                f"these settings; expected at least some of {_sample(self.record.new)}, found "
                f"{_sample(self.record.left)}. Choose the same architecture and widths."
            )
        self.record.frozen_until = self.settings.freeze_until
        self.record.kept_rate = self.settings.kept_rate
        return self.record.to_json()

    def set_progress(self, progress: float) -> None:
        """Sets the progress, 0 to 1; call it before each step."""
        if self._held:
            self._loose.assign(float(progress >= self.settings.freeze_until))

    def update_scales(self, variables: Sequence[keras.Variable]) -> list[Any] | None:
        """Returns the factor of each variable's update, or None if all are 1.

        The factors scale updates instead of gradients, see `trainer.engine.optimizers.apply`.
        """
        rate = self.settings.kept_rate
        if not self._held and (rate == 1 or not self._kept):
            return None
        return [
            (rate if id(one) in self._kept else 1.0)
            * (self._loose if id(one) in self._held else 1.0)
            for one in variables
        ]


def _blank_record(start: Start, world: World) -> StartRecord:
    old = start.world
    record = StartRecord(
        start.directory, start.digest, old.experiment.name, old.experiment.data.resolution
    )
    words = [one.tokens[len(SPECIAL) :] for one in (old, world)]
    record.words = kept_and_new(*words)
    record.labels = kept_and_new(old.attributes, world.attributes)
    if start.stage == "captioner":
        record.languages = kept_and_new(old.languages, world.languages)
    return record


def _still(prefix: str, model: keras.Model, frozen: set[str]) -> None:
    """Freezes layers whose weights are all frozen, so that batch statistics stay as well."""
    for name, layer in layers_of(model):
        own = [f"{prefix}{name}/{below}" for below in named_weights(layer)]
        if own and frozen.issuperset(own):
            layer.trainable = False


def _names(pattern: str, name: str) -> bool:
    """Returns whether a pattern matches a weight or a block that contains it."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern.rstrip('/')}/*")


def _unknown(stage: str, pattern: str, known: Sequence[str]) -> str:
    blocks = sorted({"/".join(name.split("/")[:n]) for name in known for n in (1, 2, 3)})
    near = difflib.get_close_matches(pattern, blocks, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    tops = sorted({name.partition("/")[0] for name in known})
    return f"{stage}.freeze: no weight is called '{pattern}'{hint}; there are {', '.join(tops)}"


def _sample(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:3]) or "nothing"


def _shape(weight: Any) -> str:
    return " x ".join(map(str, weight.shape)) or "1"


def _size(weight: keras.Variable) -> int:
    return int(tf.size(weight.value).numpy()) if hasattr(weight, "value") else int(weight.size)
