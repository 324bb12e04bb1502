"""What every Keras model of the trainer must do, whatever it computes."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from trainer.engine.precision import float32_compute


@dataclass(eq=False)
class Case:
    """One model with inputs to try it on.

    Attributes:
      build: dtype policy -> the built model.
      inputs: arguments of one call, a batch of 4.
      training: further arguments of a call in training.
      dtypes: dtype of each output under mixed_bfloat16, in the order of `outputs`.
      silent: ends of the paths of weights that cannot change the output, such as a bias before a
        softmax over the places it is added to.
      tolerance: how far bfloat16 may be from float32, as a share of the output's spread.
    """

    build: Callable[[str], keras.Model]
    inputs: tuple
    dtypes: tuple[str, ...]
    training: dict = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    tolerance: float = 0.1

    @functools.cache  # noqa: B019  (a case lives as long as the tests that share it)
    def model(self, policy: str = "float32") -> keras.Model:
        """A model whose weights all differ from their initial values, the same for each policy."""
        model, rng = self.build(policy), np.random.default_rng(0)
        for variable in model.trainable_variables:
            spread = 0.3 / max(1.0, np.prod(variable.shape[:-1])) ** 0.5
            variable.assign_add(rng.normal(scale=spread, size=variable.shape).astype("float32"))
        return model

    def outputs(self, model: keras.Model, **arguments) -> list[tf.Tensor]:
        return tf.nest.flatten(model(self.inputs, **arguments))


def floats(tensors) -> list[np.ndarray]:
    return [tf.cast(tensor, tf.float32).numpy() for tensor in tensors]


def check_graph(case: Case) -> None:
    """tf.function gives what eager execution gives."""
    model = case.model()
    compiled = tf.function(lambda: case.outputs(model))()
    for eager, graph in zip(floats(case.outputs(model)), floats(compiled), strict=True):
        np.testing.assert_allclose(graph, eager, rtol=1e-4, atol=1e-5)


def check_mixed_precision(case: Case) -> None:
    """mixed_bfloat16 keeps float32 weights and documented dtypes, and stays near float32."""
    exact, mixed = case.model("float32"), case.model("mixed_bfloat16")
    weights = [v for v in mixed.variables if not v.path.endswith("seed_generator_state")]
    assert {variable.dtype for variable in weights} == {"float32"}
    found, expected = case.outputs(mixed), floats(case.outputs(exact))
    assert tuple(output.dtype.name for output in found) == case.dtypes
    for near, value in zip(floats(found), expected, strict=True):
        assert np.isfinite(near).all()
        # Words that may never be said have a logit of about -1e9.
        said = np.abs(value) < 1e6
        error = np.abs(near - value)[said].max() / value[said].std()
        assert error <= case.tolerance, f"bfloat16 is off by {error} of the spread"


def check_gradients(case: Case) -> None:
    """Every trainable weight moves the outputs, in float32 and in mixed_bfloat16."""
    for policy in ("float32", "mixed_bfloat16"):
        model = case.model(policy)
        before = model.get_weights()
        with tf.GradientTape() as tape:
            outputs = [tf.cast(x, tf.float32) for x in case.outputs(model, **case.training)]
            rng = np.random.default_rng(1)
            loss = tf.add_n(
                [tf.reduce_sum(x * rng.normal(size=x.shape).astype("float32")) for x in outputs]
            )
        gradients = tape.gradient(loss, model.trainable_variables)
        model.set_weights(before)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            if gradient is None and variable.path.endswith(case.silent or ("\0",)):
                continue
            assert gradient is not None, f"{variable.path} gets no gradient"
            value = tf.convert_to_tensor(gradient).numpy()
            assert np.isfinite(value).all(), variable.path
            if not variable.path.endswith(case.silent or ("\0",)):
                assert value.any(), f"the gradient of {variable.path} is 0"


def check_weights_file(case: Case, directory) -> None:
    """A weights file of a float32 model is read by a mixed one, each weight in its place."""
    model, other = case.model("float32"), case.model("mixed_bfloat16")
    path = directory / "model.weights.h5"
    model.save_weights(path)
    for variable in other.variables:
        variable.assign_add(tf.ones_like(variable))
    other.load_weights(path)
    for found, weight in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, weight)


def check_float32_island(case: Case) -> None:
    """`float32_compute` makes a mixed model compute as its float32 twin, then puts all back."""
    exact, mixed = case.model("float32"), case.model("mixed_bfloat16")
    before = [layer.dtype_policy.name for layer in mixed._flatten_layers()]
    assert "mixed_bfloat16" in before
    rounded = floats(case.outputs(mixed))
    with float32_compute(mixed):
        island = case.outputs(mixed)
    assert {output.dtype for output in island} == {tf.float32}
    for found, value in zip(floats(island), floats(case.outputs(exact)), strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5)
    try:
        with float32_compute(mixed):
            raise KeyError
    except KeyError:
        pass
    assert [layer.dtype_policy.name for layer in mixed._flatten_layers()] == before
    for found, value in zip(floats(case.outputs(mixed)), rounded, strict=True):
        np.testing.assert_array_equal(found, value)


def check(name: str, case: Case, directory) -> None:
    """Runs one of `CHECKS` by name."""
    CHECKS[name](case, directory)


CHECKS = {
    "graph": lambda case, _: check_graph(case),
    "mixed_precision": lambda case, _: check_mixed_precision(case),
    "gradients": lambda case, _: check_gradients(case),
    "weights_file": check_weights_file,
    "float32_island": lambda case, _: check_float32_island(case),
}
