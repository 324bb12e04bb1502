"""Stores that fail: at whichever operation it is, a node ends cleanly and a retry succeeds."""

import json

import pytest
import tensorflow as tf
from tfx.dsl.components.base import base_executor

from components.last_blessed import kept_data
from components.last_blessed.executor import last_pushed
from data.base import files
from pipeline.cluster import artefacts, container

OPERATIONS = (
    "copy", "exists", "isdir", "listdir", "makedirs", "rename", "rmtree", "stat", "walk",
)  # fmt: skip


_COPY, _EXISTS = tf.io.gfile.copy, tf.io.gfile.exists


def _replacing(source, target, overwrite=False):
    """TensorFlow's in-memory store adds to a file that it should write over."""
    if overwrite and target.startswith("ram://") and _EXISTS(target):
        tf.io.gfile.remove(target)
    return _COPY(source, target, overwrite=overwrite)


class Failing:
    """tf.io.gfile of which the operation number `at` on a store fails; counts from 1.

    A file that fails in the middle of being written holds half of it, as on a store that keeps what
    arrived.
    """

    def __init__(self, patch, at=0):
        self.count, self.at = 0, at
        for name in OPERATIONS:
            operation = _replacing if name == "copy" else getattr(tf.io.gfile, name)
            patch.setattr(tf.io.gfile, name, self._failing(operation))
        patch.setattr(tf.io.gfile, "GFile", self._file(tf.io.gfile.GFile))

    def due(self):
        self.count += 1
        return self.count == self.at

    def _failing(self, operation):
        def attempt(path, *rest, **named):
            if any(str(one).startswith("ram://") for one in (path, *rest)) and self.due():
                raise tf.errors.UnavailableError(None, None, "the store is away")
            return operation(path, *rest, **named)

        return attempt

    def _file(store, kind):
        class File(kind):
            def write(self, content):
                if self.name.startswith("ram://") and store.due():
                    super().write(content[: len(content) // 2])
                    self.close()
                    raise tf.errors.UnavailableError(None, None, "the store is away")
                return super().write(content)

            def read(self, n=-1):
                if self.name.startswith("ram://") and store.due():
                    raise tf.errors.UnavailableError(None, None, "the store is away")
                return super().read(n)

        return File


class Double(base_executor.BaseExecutor):
    """Writes each of its input's files twice over."""

    def Do(self, input_dict, output_dict, exec_properties):
        (source,), (target,) = input_dict["examples"], output_dict["model"]
        for name in ("a", "b"):
            content = files.read(f"{source.uri}/{name}")
            files.write_whole(f"{target.uri}/inner/{name}", content * 2)


@pytest.fixture(autouse=True)
def _found(monkeypatch):
    """TFX imports an executor by its dotted path."""
    import sys
    import types

    module = types.ModuleType("failing_store_executors")
    module.Double = Double
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sys, "argv", sys.argv[:])


def node(tmp_path, target):
    """Runs the node as a container without a launcher does; returns its status."""
    given = {
        "inputs": {"artifacts": {"examples": {"artifacts": [{"uri": "ram://failing/in"}]}}},
        "outputs": {
            "artifacts": {"model": {"artifacts": [{"name": "1", "uri": target}]}},
            "outputFile": str(tmp_path / "answer.json"),
        },
    }
    interface = {"inputs": {"examples": "tfx.Examples"}, "outputs": {"model": "tfx.Model"}}
    interface["integers"] = []
    words = ["--node", "Double", "--executor", "failing_store_executors.Double"]
    words += ["--interface", json.dumps(interface), "--executor_input", json.dumps(given)]
    return container.main([*words, "--artifacts", "copy"])


DOUBLED = {"a": "aaaaaa", "b": "bbbbbb"}


def content(folder):
    return {path.name: path.read_text() for path in (folder / "inner").iterdir()}


def is_refused_or_whole(target, folder):
    """The mark may have arrived although its writing failed; then everything had, before it."""
    try:
        artefacts.fetch(target, str(folder))
    except OSError as error:
        return "not written to its end" in str(error)
    return content(folder) == DOUBLED


def test_a_node_ends_cleanly_wherever_its_store_fails(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / name).write_text(name * 3)
    artefacts.send(str(tmp_path / "in"), "ram://failing/in")
    at, status = 0, 1
    while status:
        at += 1
        target = f"ram://failing/out-{at}"
        with pytest.MonkeyPatch.context() as patch:
            Failing(patch, at)
            status = node(tmp_path, target)
        if status:
            assert "the store is away" in capsys.readouterr().err
            assert not (tmp_path / "answer.json").exists()
            assert is_refused_or_whole(target, tmp_path / f"half-{at}")
            with pytest.MonkeyPatch.context() as patch:
                Failing(patch)
                assert node(tmp_path, target) == 0
        artefacts.fetch(target, str(tmp_path / f"back-{at}"))
        assert content(tmp_path / f"back-{at}") == DOUBLED
        (tmp_path / "answer.json").unlink()
    # Looking, fetching two files, making folders, sending two files and the mark.
    assert at > 8


def test_a_folder_of_kept_data_is_whole_wherever_its_store_fails(tmp_path):
    runs = []
    for number in range(2):
        for path in ("statistics/Split-train/FeatureStats.pb", "gate/decision.json"):
            (tmp_path / f"{number}" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / f"{number}" / path).write_text(str(number) * 4)
        runs.append([str(tmp_path / f"{number}" / key) for key in ("statistics", "gate")])

    def read(place):
        folder = kept_data.newest_but(place, "ram://nothing")
        return [files.read(f"{folder}/{path}").decode() for path in
                ("statistics/Split-train/FeatureStats.pb", "gate/decision.json")]  # fmt: skip

    at, failed = 0, True
    while failed:
        at += 1
        place, failed = f"ram://kept-{at}/last_data", False
        kept_data.keep(place, *runs[0])
        with pytest.MonkeyPatch.context() as patch:
            Failing(patch, at)
            try:
                kept_data.keep(place, *runs[1])
            except (OSError, tf.errors.OpError):
                failed = True
        assert read(place) in (["0000"] * 2, ["1111"] * 2)
        with pytest.MonkeyPatch.context() as patch:
            Failing(patch)
            kept_data.keep(place, *runs[1])
        assert read(place) == ["1111"] * 2
    assert at > 8


def test_a_model_is_not_looked_up_where_the_store_does_not_answer(monkeypatch):
    tf.io.gfile.makedirs("ram://models/serving/1")
    Failing(monkeypatch, at=2)
    with pytest.raises((OSError, tf.errors.OpError), match="away"):
        last_pushed("ram://models/serving", "ram://models/none")
