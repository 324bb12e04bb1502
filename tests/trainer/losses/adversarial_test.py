import numpy as np
import pytest

from trainer.losses.adversarial import ADVERSARIAL

LOGITS = np.array([-2.0, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0], np.float32)


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("real", [3.0, 2.0, 1.25, 1.0, 0.5, 0.0, 0.0]),
        ("fake", [0.0, 0.0, 0.75, 1.0, 1.5, 2.0, 4.0]),
        ("generator", [2.0, 1.0, 0.25, 0.0, -0.5, -1.0, -3.0]),
    ],
)
def test_hinge_by_hand(side, expected):
    np.testing.assert_allclose(getattr(ADVERSARIAL["hinge"], side)(LOGITS), expected)
