"""Sides and widths of grids."""

import pytest

from trainer.config import RESOLUTIONS
from trainer.models.layers import channels, seed_side


def test_every_resolution_is_its_seed_doubled_several_times():
    seeds = {side: seed_side(int(side)) for side in RESOLUTIONS}
    assert seeds.pop("28") == 7
    assert set(seeds.values()) == {4}


@pytest.mark.parametrize(("side", "wide"), [(32, 5), (16, 10), (8, 20), (4, 20), (64, 5)])
def test_channels_double_with_each_halving_up_to_the_widest(side, wide):
    assert channels(5, side, top=32, widest=4) == wide
    assert channels(5, side, top=32, widest=1) == 5
