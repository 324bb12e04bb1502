"""Places that read their own part of a condition."""

import numpy as np

from trainer.models.layers import Consult


def test_a_place_reads_the_entries_that_its_gates_let_through():
    layer = Consult(2, 3)
    x = np.array([[[[1.0, 0.0], [0.0, 1.0]]]], np.float32)
    layer(x, np.zeros((1, 3), np.float32))
    # The left place opens the first gate, the right place the last.
    layer.gate.kernel.assign([[60.0, 0.0, 0.0], [0.0, 0.0, 60.0]])
    layer.gate.bias.assign([-30.0, -30.0, -30.0])
    layer.read.kernel.assign([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    told = layer(x, np.array([[3.0, 5.0, 7.0]], np.float32))
    np.testing.assert_allclose(told - x, [[[[3.0, 6.0], [700.0, 1400.0]]]], rtol=1e-5)
