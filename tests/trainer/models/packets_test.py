"""Rows of whole packets: the same values, and never a rest that is computed otherwise."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.models.packets import PACKET, in_packets

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("width", [1, PACKET - 1, PACKET, PACKET + 1])
def test_the_function_sees_whole_packets_and_nothing_of_them_is_returned(width):
    seen = []

    def function(x):
        seen.append(x)
        return tf.nn.log_softmax(x)

    x = RNG.normal(size=(2, 3, width)).astype(np.float32)
    found = in_packets(function, tf.constant(x), fill=-1e9)
    np.testing.assert_allclose(found, tf.nn.log_softmax(x), rtol=1e-6, atol=1e-6)
    (whole,) = seen
    assert whole.shape[-1] % PACKET == 0 and whole.shape[-1] - width < PACKET
    assert (whole[..., width:].numpy() == -1e9).all()
