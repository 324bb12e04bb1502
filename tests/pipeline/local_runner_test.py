"""The local runner, on small components: caching, failures, killed runs, the last blessed."""

import io
import os
import random
import shutil
import signal
import sys
from pathlib import Path

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base import executor_spec
from tfx.types import Channel
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing

from components.metadata import opened
from components.pusher.executor import Executor as PushExecutor
from data.base.errors import DataError
from pipeline import local_runner
from pipeline.errors import RunError, UsageError
from pipeline.resolvers import BLESSING, CANDIDATE, MODEL, LastBlessedStrategy

RUNNING = metadata_store_pb2.Execution.RUNNING
judged: list[tuple[int, int | None]] = []
arguments_seen: list[list[str]] = []


@component
def Train(size: Parameter[int], model: OutputArtifact[Model]):
    with open(f"{model.uri}/weights", "w", encoding="utf-8") as file:
        file.write(str(size))


@component
def Judge(
    model: InputArtifact[Model],
    blessing: OutputArtifact[ModelBlessing],
    baseline: InputArtifact[Model] = None,
):
    judged.append((model.id, baseline.id if baseline else None))
    arguments_seen.append(sys.argv)
    blessing.set_int_custom_property("blessed", 1)
    blessing.set_int_custom_property("current_model_id", model.id)


@component
def Refuse(model: InputArtifact[Model], out: OutputArtifact[Model]):
    try:
        raise DataError("a.csv:3", "bad", "Fix it.")
    except DataError as error:
        raise RuntimeError("wrapped by a library") from error


@component
def Interrupt(model: InputArtifact[Model], out: OutputArtifact[Model]):
    with open(f"{out.uri}/half", "w", encoding="utf-8"):
        raise KeyboardInterrupt


@pytest.fixture
def graph(tmp_path):
    judged.clear()

    def build(one=1, two=1, last=None, place=tmp_path):
        trainers = {
            name: Train(size=size).with_id(f"Trainer.{name}")
            for name, size in (("one", one), ("two", two))
        }
        nodes = list(trainers.values())
        for name, trainer in trainers.items():
            resolver = tfx.dsl.Resolver(
                strategy_class=LastBlessedStrategy,
                **{
                    MODEL: Channel(type=Model, producer_component_id=f"Trainer.{name}"),
                    BLESSING: Channel(type=ModelBlessing, producer_component_id=f"Judge.{name}"),
                    CANDIDATE: trainer.outputs["model"],
                },
            ).with_id(f"LastBlessed.{name}")
            judge = Judge(model=trainer.outputs["model"], baseline=resolver.outputs[MODEL])
            nodes += [resolver, judge.with_id(f"Judge.{name}")]
        if last:
            nodes.append(last(model=trainers["one"].outputs["model"]).with_id("Last"))
        return tfx.dsl.Pipeline(
            "toy",
            str(place / "root"),
            components=nodes,
            enable_cache=True,
            metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
                str(place / "metadata.db")
            ),
        )

    return build


def run(pipeline):
    """Returns the outcome of each node and what was printed."""
    stream = io.StringIO()
    return local_runner.run(pipeline, stream), stream.getvalue()


def executed(outcomes):
    return {name for name, outcome in outcomes.items() if outcome == "ran"}


def test_everything_runs_once_and_then_nothing(graph):
    first, printed = run(graph())
    assert executed(first) == {"Trainer.one", "Trainer.two", "Judge.one", "Judge.two"}
    assert [line.split()[1] for line in printed.replace("[", "").splitlines()] == list(first)
    second, _ = run(graph())
    assert executed(second) == set()
    assert second["Judge.one"] == "cached"
    assert second["LastBlessed.one"] == "looked up"
    assert len(judged) == 2


def test_a_new_model_is_judged_against_the_last_blessed_one_of_its_own_kind(graph):
    run(graph(one=1, two=1))
    first, second = (model for model, _ in judged)
    assert judged == [(first, None), (second, None)]
    outcomes, _ = run(graph(one=1, two=2))
    assert executed(outcomes) == {"Trainer.two", "Judge.two"}
    assert judged[-1][1] == second
    assert executed(run(graph(one=1, two=2))[0]) == set()


def test_the_first_model_comes_back_against_its_successor(graph):
    run(graph(one=1))
    run(graph(one=2))
    newer = judged[-1][0]
    run(graph(one=1))
    assert judged[-1] == (judged[0][0], newer)


def test_a_failure_is_told_with_its_node_and_reason_and_the_rest_stays(graph):
    with pytest.raises(RunError) as caught:
        run(graph(last=Refuse))
    assert str(caught.value) == "Last stopped the run:\n  a.csv:3: bad. Fix it."
    outcomes, _ = run(graph())
    assert outcomes["Trainer.one"] == "cached"


def test_a_killed_run_leaves_nothing_half_written_to_the_next_one(graph, tmp_path):
    pipeline = graph(last=Interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(pipeline)
    store = mlmd.MetadataStore(pipeline.metadata_connection_config)
    (left,) = [item for item in store.get_executions() if item.last_known_state == RUNNING]
    half = tmp_path / "root" / "Last" / "out" / str(left.id) / "half"
    assert half.exists()
    outcomes, _ = run(graph())
    assert outcomes["Trainer.one"] == "cached"
    assert not half.parent.exists()
    assert [item for item in store.get_executions() if item.last_known_state == RUNNING] == []


@component
def Export(model: InputArtifact[Model], exported: OutputArtifact[Model]):
    """Makes what the Pusher takes for a SavedModel."""
    folder = Path(exported.uri) / "Format-Serving"
    folder.mkdir()
    for name in ("saved_model.pb", "fingerprint.pb", "weights"):
        (folder / name).write_bytes(name.encode() * 1000)


def with_pusher(place):
    """A training whose export is pushed."""
    train = Train(size=1)
    export = Export(model=train.outputs["model"])
    destination = tfx.proto.PushDestination.Filesystem(base_directory=str(place / "serving"))
    push = tfx.components.Pusher(
        model=export.outputs["exported"],
        push_destination=tfx.proto.PushDestination(filesystem=destination),
        custom_executor_spec=executor_spec.ExecutorClassSpec(PushExecutor),
    )
    return tfx.dsl.Pipeline(
        "toy",
        str(place / "root"),
        components=[train, export, push],
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(place / "metadata.db")
        ),
    )


def killed_at(calls, place):
    """Runs the pipeline in another process, and kills it at so many calls and returns of functions.

    Returns:
      Whether it was killed, and not done before.
    """
    child = os.fork()
    if not child:
        left = calls

        def count(*_):
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        try:
            run(with_pusher(place))
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def calls_of_a_run(place):
    """How many calls and returns of functions it takes."""
    found = 0

    def count(*_):
        nonlocal found
        found += 1

    sys.setprofile(count)
    try:
        run(with_pusher(place))
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_moment_goes_on_to_the_same_end(tmp_path):
    draw, killed = random.Random(0), 0
    whole = tmp_path / "whole"
    whole.mkdir()
    # The first run imports what the others have.
    run(with_pusher(whole))
    (expected,) = (whole / "serving").iterdir()
    measured = tmp_path / "measured"
    measured.mkdir()
    most = calls_of_a_run(measured)
    for number in range(12):
        place = tmp_path / str(number)
        place.mkdir()
        for _ in range(2):
            killed += killed_at(draw.randrange(1, most), place)
        outcomes, _ = run(with_pusher(place))
        assert set(outcomes.values()) <= {"ran", "cached"}
        (pushed,) = (place / "serving").iterdir()
        assert pushed.name.isdecimal()
        assert _contents(pushed) == _contents(expected)
        store = opened(str(place / "metadata.db"))
        done = {
            event.execution_id
            for execution in store.get_executions()
            for event in store.get_events_by_execution_ids([execution.id])
            if event.type == metadata_store_pb2.Event.OUTPUT
            and execution.last_known_state == metadata_store_pb2.Execution.COMPLETE
        }
        states = {execution.last_known_state for execution in store.get_executions()}
        assert RUNNING not in states
        outputs = {path for path in (place / "root").glob("*/*/*") if ".system" not in path.parts}
        assert {int(path.name) for path in outputs} == done
    assert killed > 12


def _contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_directory_that_was_moved_or_copied_reads_and_writes_itself_alone(
    graph, tmp_path, how, monkeypatch
):
    outcomes, _ = run(graph(one=1))
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    for name in ("root", "metadata.db"):
        (tmp_path / name).rename(first / name)
    shutil.copytree(first, second)
    if how == "moved":
        shutil.rmtree(first)
    before = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    uris = _uris(second)
    assert all(uri.startswith(f"{tmp_path}/root/") for uri in uris)
    outcomes, printed = run(graph(one=2, place=second))
    assert f"{len(uris)} artefacts were moved or copied here" in printed
    # Without inputs, the cache needs no place of anything.
    assert outcomes["Trainer.two"] == "cached" and outcomes["Trainer.one"] == "ran"
    assert all(uri.startswith(f"{second}/root/") for uri in _uris(second))
    # The baseline is the model that was blessed before the move.
    assert judged[-1][1] is not None or judged[-2][1] is not None
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*")} == before
    _, printed = run(graph(one=2, place=second))
    assert "moved or copied" not in printed


def test_another_name_of_the_directory_is_no_move(graph, tmp_path):
    run(graph())
    alias = tmp_path / "alias"
    alias.symlink_to(tmp_path)
    outcomes, printed = run(graph(place=alias))
    assert executed(outcomes) == set() and "moved or copied" not in printed


def _uris(place):
    return [artifact.uri for artifact in opened(str(place / "metadata.db")).get_artifacts()]


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_artefacts_without_their_metadata_are_not_written_over(graph, tmp_path, harm):
    run(graph())
    harm(tmp_path / "metadata.db")
    with pytest.raises(UsageError, match="which knows them, is gone"):
        run(graph())
    shutil.rmtree(tmp_path / "root")
    assert executed(run(graph())[0])


@component
def Give(examples: OutputArtifact[Examples]):
    folder = Path(examples.uri) / "Split-train"
    folder.mkdir(parents=True)
    (folder / "0.gz").write_bytes(b"no records")


@component
def Take(examples: InputArtifact[Examples], out: OutputArtifact[Model]):
    raise ZeroDivisionError("what Beam says of it")


def test_damaged_examples_that_a_node_read_are_named(tmp_path):
    give = Give()
    nodes = [give, Take(examples=give.outputs["examples"])]
    metadata = tfx.orchestration.metadata.sqlite_metadata_connection_config(
        str(tmp_path / "metadata.db")
    )
    pipeline = tfx.dsl.Pipeline(
        "toy", str(tmp_path / "root"), components=nodes, metadata_connection_config=metadata
    )
    with pytest.raises(RunError) as caught:
        run(pipeline)
    folder = tmp_path / "root/Give/examples/1"
    told = " ".join(str(caught.value).split())
    assert f"{folder}/Split-train/0.gz: the file is damaged" in told
    assert f"Delete {folder}," in told


def test_the_arguments_of_the_command_line_do_not_reach_beam(graph, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tuwen", "run", "--work", "x"])
    run(graph())
    assert arguments_seen[-1] == ["tuwen"]
    assert sys.argv == ["tuwen", "run", "--work", "x"]
