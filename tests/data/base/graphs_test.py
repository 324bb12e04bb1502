"""How functions become graphs."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from data.base.graphs import graph, graph_of_rows

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("data", "trainer", "components", "pipeline", "benchmarks")


def test_no_source_is_rewritten():
    def choose(x):
        return x if x > 0 else -x

    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        graph(choose)(tf.constant(1.0))


@pytest.mark.parametrize("room", ROOMS)
def test_functions_of_the_project_become_graphs_in_one_way(room):
    files = [path for path in (ROOT / room).rglob("*.py") if path.name != "graphs.py"]
    assert files
    assert not [str(path) for path in files if "tf.function" in path.read_text(encoding="utf-8")]


def test_any_number_of_rows_is_traced_once():
    seen = []

    def double(x, y, scale):
        seen.append((x.shape, y.shape, scale.shape))
        return scale * x + y

    doubled, two = graph_of_rows(double), tf.constant(2.0)
    for rows in (4, 4, 1, 3):
        x, y = np.arange(rows, dtype=np.float32), np.ones([rows, 2], np.float32)
        np.testing.assert_array_equal(doubled(x[:, None], y, two), 2 * x[:, None] + y)
    assert seen == [((None, 1), (None, 2), ())]
    doubled(np.zeros([2, 5], np.float32), y[:2, :1], two)
    assert len(seen) == 2
