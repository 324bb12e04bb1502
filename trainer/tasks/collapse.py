"""Notices when a generator that painted many different pictures paints only a few, or ever one."""

from __future__ import annotations

import tensorflow as tf

# Of the mean distance between real pictures in the shared space.
COLLAPSED, HEALTHY = 0.1, 0.2
# Untrained generators reach a tenth; this is one whose last activation is past all gradients.
DEAD = 0.001


class CollapseWatch:
    """Compares how much generated pictures differ with how much real ones do.

    Attributes:
      variables: whether they have ever differed enough, bool []; before that nothing can collapse,
        but a generator can be dead.
    """

    def __init__(self) -> None:
        self._begun = tf.Variable(False, dtype=tf.bool, name="begun")
        self.variables = [self._begun]

    def check(self, spread: float) -> list[str]:
        """What is wrong, in words, if pictures differ `spread` times as much as real ones."""
        if bool(self._begun.numpy()) and spread < COLLAPSED:
            return [
                f"the generator collapsed: its pictures differ {spread:.0%} as much as real ones"
            ]
        if spread < DEAD:
            return ["the generator paints the same picture whatever it is asked for"]
        if spread > HEALTHY:
            self._begun.assign(True)
        return []
