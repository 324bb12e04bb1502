"""How functions become graphs."""

from pathlib import Path

import pytest
import tensorflow as tf

from data.graphs import graph

ROOT = Path(__file__).resolve().parents[2]
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
