"""Data-parallel training on several devices or machines, with the losses of a single device.

Each replica has the whole model and its own rows of a step's batch. Losses are defined so that
their mean over replicas is the loss of the whole batch; gradients are averaged in the same way.
Losses that compare the examples of a batch fetch the other replicas' rows by `gather` or `mean`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

from data.base.graphs import graph
from trainer.settings_loader import SettingsError

T = TypeVar("T")

# Errors that the other workers raise when one is killed.
PEER_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError)


@functools.cache
def start(kind: str, devices: int | None) -> tf.distribute.Strategy:
    """Returns the strategy of a name; call it before TensorFlow has computed anything.

    Args:
      kind: `none`, `mirrored` (devices of this machine) or `multi_worker` (devices of all machines
        in the environment variable TF_CONFIG).
      devices: for `mirrored`: number of GPUs, or of virtual CPU devices if there is no GPU; None
        takes all GPUs.

    Raises:
      SettingsError: there are fewer devices, or it is too late to create virtual ones.
    """
    if kind == "none":
        return tf.distribute.get_strategy()
    if kind == "mirrored":
        names = _devices(devices)
        # The default all-reduce, NCCL, needs GPUs.
        on_cpu = None if "GPU" in names[0] else tf.distribute.ReductionToOneDevice()
        return tf.distribute.MirroredStrategy(names, cross_device_ops=on_cpu)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise SettingsError(f"training.strategy = 'multi_worker': {error}") from error


def _devices(count: int | None) -> list[str]:
    """Returns the names of `count` devices; creates virtual CPU devices if there is no GPU."""
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    found = tf.config.list_physical_devices(kind)
    count = len(found) if count is None else count
    if kind == "GPU" and count > len(found):
        raise SettingsError(f"training.devices = {count}: there are {len(found)} GPUs")
    made = len(tf.config.get_logical_device_configuration(found[0]) or [None])
    if kind == "CPU" and count > made:
        one = tf.config.LogicalDeviceConfiguration()
        try:
            tf.config.set_logical_device_configuration(found[0], [one] * count)
        except RuntimeError as error:
            raise SettingsError(
                f"training.devices = {count}: CPU devices must be made before TensorFlow "
                "computes anything; call trainer.engine.distribution.start first"
            ) from error
    return [f"{kind}:{index}" for index in range(count)]


def count() -> int:
    """Returns the number of replicas that run this step; 1 outside of a step."""
    if tf.distribute.in_cross_replica_context():
        return 1
    return tf.distribute.get_strategy().num_replicas_in_sync


def index() -> tf.Tensor | int:
    """Returns the index of this replica, below `count()`."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def mean(values: Any) -> Any:
    """Returns element-wise means over replicas; differentiable.

    Args:
      values: nested tensors; None stays None.
    """
    if count() == 1:
        return values
    flat = tf.nest.flatten(values)
    given = [tf.convert_to_tensor(value) for value in flat if value is not None]
    reduced = iter(_all_reduce("MEAN", given))
    means = [None if value is None else next(reduced) for value in flat]
    return tf.nest.pack_sequence_as(values, means)


def gather(rows: tf.Tensor) -> tf.Tensor:
    """Concatenates the rows of all replicas in the order of the batch; differentiable.

    The gradient of a row is the sum over replicas, because each replica may use all rows.

    Args:
      rows: float [N, ...], N per replica.

    Returns:
      [count() * N, ...].
    """
    if count() == 1:
        return rows
    place = tf.reshape(tf.one_hot(index(), count(), dtype=rows.dtype), [-1] + [1] * len(rows.shape))
    # Each replica contributes its rows and zeros elsewhere; the sum over replicas is the batch.
    (gathered,) = _all_reduce("SUM", [place * rows[None]])
    return tf.reshape(gathered, [-1, *rows.shape[1:]])


def rolled(rows: tf.Tensor) -> tf.Tensor:
    """Returns the previous row of the whole batch for each row; the first row gets the last.

    Args:
      rows: float [N, ...] of this replica.
    """
    around = tf.roll(gather(rows), 1, axis=0)
    if count() == 1:
        return around
    return tf.reshape(around, [count(), -1, *rows.shape[1:]])[index()]


def ratio(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """Returns a ratio whose mean over replicas is the ratio of the sums over the whole batch.

    Args:
      one, other: float32 [], sums over the examples of this replica. The sum of `other` over the
        whole batch counts as at least 1.
    """
    return one / tf.maximum(mean(other), 1.0 / count())


def _all_reduce(how: str, values: list[tf.Tensor]) -> list[tf.Tensor]:
    return tf.distribute.get_replica_context().all_reduce(how, values)


def function(step: Callable[..., dict[str, tf.Tensor]]) -> Callable[..., dict[str, tf.Tensor]]:
    """Compiles a training step for the current strategy.

    Args:
      step: takes step number, progress, and a batch as nested tuples of arrays; returns losses by
        name.

    Returns:
      the same function for the whole batch: each replica gets its own rows, and the losses are
      means over replicas.
    """
    strategy = tf.distribute.get_strategy()
    if not tf.distribute.has_strategy():
        return graph(step)

    @graph
    def run(number, progress, batch):
        losses = strategy.run(step, (number, progress, *batch))
        return {name: strategy.reduce("MEAN", loss, None) for name, loss in losses.items()}

    def divide(array):
        def own(context):
            size = len(array) // context.num_replicas_in_sync
            first = size * context.replica_id_in_sync_group
            return tf.constant(array[first : first + size])

        return strategy.experimental_distribute_values_from_function(own)

    return lambda number, progress, *batch: run(
        number, progress, tf.nest.map_structure(divide, batch)
    )


def alone() -> bool:
    """Returns whether there are no other workers."""
    return not getattr(tf.distribute.get_strategy().extended, "_in_multi_worker_mode", bool)()


def is_chief() -> bool:
    """Returns whether this is the chief, the one worker that writes results for all to read."""
    resolver = tf.distribute.get_strategy().cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return resolver.task_type == first and resolver.task_id == 0


def of_chief(value: float) -> float:
    """Returns the chief's value on every worker; blocks until all of them have called this."""
    if alone():
        return value
    return float(_asking(tf.distribute.get_strategy())(tf.constant(value, tf.float64)))


def by_chief(strategy: tf.distribute.Strategy, make: Callable[[], T]) -> T:
    """Returns the result of `make`; the chief calls it first, so the others can read its files.

    Args:
      strategy: of all workers.
      make: writes its result to the disk, or reads it from there if it exists.
    """
    with strategy.scope():
        chief = is_chief()
    made = [make()] if chief else []
    with strategy.scope():
        of_chief(0.0)
    return made[0] if made else make()


@functools.cache
def _asking(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], tf.Tensor]:
    @graph
    def ask(value):
        only = strategy.run(lambda x: tf.where(tf.equal(index(), 0), x, 0.0), (value,))
        return strategy.reduce("SUM", only, None)

    return ask


class Clock:
    """A clock that shows the same time on all workers, so that they agree on what is due.

    With one worker it is the monotonic clock; with several it changes only by `tick`.
    """

    def __init__(self) -> None:
        self._runs = alone()
        self.tick()

    def __call__(self) -> float:
        return time.monotonic() if self._runs else self._now

    def tick(self) -> None:
        """Sets the clock to the chief's time; all workers must call it."""
        self._now = of_chief(time.monotonic())
