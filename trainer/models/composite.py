"""Layers and models that are made of layers."""

from __future__ import annotations


class Composite:
    """Has its parts built one by one, as `call` reaches them.

    Keras builds a layer that says nothing of its own by a symbolic call before the real one. Nested
    layers do so on each level, so that the innermost are called once more for each level above
    them: two thirds of the time in which a model is made.

    Stands before `keras.layers.Layer` or `keras.Model` among the bases.
    """

    def build(self, first_shape) -> None:
        """Does nothing; Keras then counts the layer as built."""
