import numpy as np

from data.text import END, PAD, START
from trainer.tasks.base import grid_of, trimmed


def test_pictures_are_tiled_row_by_row():
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    grid = grid_of(images, 3)
    assert grid.shape == (4, 6, 3)
    assert grid[::2, ::2, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_last_row_that_is_not_full_is_left_out():
    assert grid_of(np.zeros((7, 2, 2, 3), np.uint8), 3).shape == (4, 6, 3)


def test_captions_are_cut_to_the_longest_in_use():
    ids = np.full((2, 2, 8), PAD, np.int32)
    ids[0, 0, :3] = [START, 5, END]
    ids[1, 1, :5] = [START, 5, 6, 7, END]
    np.testing.assert_array_equal(trimmed(ids), ids[:, :, :5])
    assert trimmed(np.full((2, 2, 8), PAD, np.int32)).shape == (2, 2, 1)
