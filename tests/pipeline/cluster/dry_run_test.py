"""Three small nodes as processes: order, failure, kills, and what the metadata then say."""

import io
import os
import signal
import time
from collections import Counter
from pathlib import Path
from threading import Thread

import pytest

from components.metadata import opened, pb
from pipeline.cluster.dry_run import DryRun
from pipeline.errors import RunError


@pytest.fixture
def run(spec, tmp_path):
    """Returns a function that runs the pipeline once, its nodes doing what `flag` says."""
    flag = tmp_path / "flag"

    def once(kind="", parallel=2, stream=None):
        flag.write_text(kind)
        values = {"flag": str(flag)}
        return DryRun(spec, values, tmp_path / "work", stream or io.StringIO()).run(parallel)

    return once


def ran(folder):
    path = folder / "ran"
    return path.read_text() if path.exists() else ""


def joined(folder):
    (path,) = (folder / "work/pipeline_root/c").glob("*/out/text")
    return path.read_text()


def database(folder):
    return opened(str(folder / "work/metadata.db"))


def states(folder):
    """Returns how often each node ended in which state."""
    store = database(folder)
    return {
        context.name: Counter(
            pb.Execution.State.Name(one.last_known_state)
            for one in store.get_executions_by_context(context.id)
        )
        for context in store.get_contexts_by_type("node")
    }


@pytest.mark.parametrize("parallel", [1, 2])
def test_every_node_runs_once_after_those_before_it(run, tmp_path, parallel):
    assert run(parallel=parallel) == {"a": "ran", "b": "ran", "c": "ran"}
    assert sorted(ran(tmp_path)) == ["a", "b", "c"]
    assert ran(tmp_path)[-1] == "c"
    assert joined(tmp_path) == "1a2bc"


def test_what_others_wait_for_goes_first(run, spec, tmp_path):
    """b alone is waited for; without that a would go first."""
    joining = spec["root"]["dag"]["tasks"]["c"]
    joining["dependentTasks"] = ["b"]
    del joining["inputs"]["artifacts"]["a"]
    del spec["components"]["comp-c"]["inputDefinitions"]["artifacts"]["a"]
    run(parallel=1)
    assert ran(tmp_path) == "bac"


def test_a_second_run_keeps_everything(run, tmp_path):
    run()
    assert run() == {"a": "kept", "b": "kept", "c": "kept"}
    assert len(ran(tmp_path)) == 3
    assert states(tmp_path) == {f"three.{name}": Counter(COMPLETE=1) for name in "abc"}


def test_a_node_with_another_input_and_all_behind_it_run_anew(run, spec, tmp_path):
    run()
    given = spec["root"]["dag"]["tasks"]["b"]["inputs"]["parameters"]
    given["text"] = {"runtimeValue": {"constant": "3"}}
    assert run() == {"a": "kept", "b": "ran", "c": "ran"}
    assert len(ran(tmp_path)) == 5


def test_metadata_tell_who_made_what_from_what(run, tmp_path):
    run()
    store = database(tmp_path)
    (last,) = store.get_executions_by_type("c")
    paths = {
        (event.path.steps[0].key, event.type): event.artifact_id
        for event in store.get_events_by_execution_ids([last.id])
    }
    (first,) = store.get_artifacts_by_id([paths["a", pb.Event.INPUT]])
    assert Path(first.uri, "text").read_text() == "1a"
    assert first.custom_properties["length"].double_value == 1
    assert first.custom_properties["by"].string_value == "me"
    assert first.custom_properties["splits"].struct_value["train"] == 1
    assert first.custom_properties["names"].struct_value["list"][0] == "a"
    assert store.get_artifact_types_by_id([first.type_id])[0].name == "Examples"
    assert last.custom_properties["flag"].string_value == str(tmp_path / "flag")
    kinds = {"pipeline", "pipeline_run", "node"}
    named = {kind.id: kind.name for kind in store.get_context_types()}
    found = {named[context.type_id] for context in store.get_contexts_by_execution(last.id)}
    assert found == kinds


def test_a_node_that_fails_stops_the_run_and_names_its_log(run, tmp_path):
    with pytest.raises(RunError) as caught:
        run("fail", parallel=1)
    log = tmp_path / "work/logs/b.log"
    assert "b stopped the run: it ended with status 1" in str(caught.value)
    assert "no room for b" in str(caught.value)
    assert str(log) in str(caught.value)
    assert "no room for b" in log.read_text()
    assert not (tmp_path / "work/pipeline_root/b").exists()
    assert states(tmp_path)["three.b"] == Counter(FAILED=1)
    # The flag's path, not what it says, is an input: the same command goes on.
    assert run() == {"a": "kept", "b": "ran", "c": "ran"}
    assert states(tmp_path)["three.b"] == Counter(FAILED=1, COMPLETE=1)


def wait_for(path):
    until = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.05)
    return int(path.read_text())


def test_kill_9_of_a_node_ends_the_others_and_the_next_run_goes_on(run, tmp_path):
    caught = []

    def runs():
        with pytest.raises(RunError) as error:
            run("wait")
        caught.append(str(error.value))

    thread = Thread(target=runs)
    thread.start()
    other, victim = wait_for(tmp_path / "a.pid"), wait_for(tmp_path / "b.pid")
    os.kill(victim, signal.SIGKILL)
    thread.join(60)
    assert "b stopped the run: it was killed by SIGKILL" in caught[0]
    with pytest.raises(ProcessLookupError):
        os.kill(other, 0)
    assert (tmp_path / "a.asked").read_text() == "to end"
    assert ran(tmp_path) == ""
    assert not list((tmp_path / "work/pipeline_root").glob("[abc]/*"))
    assert run() == {"a": "ran", "b": "ran", "c": "ran"}
    assert joined(tmp_path) == "1a2bc"


def test_outputs_whose_record_was_lost_are_recorded_again(run, tmp_path):
    run()
    (tmp_path / "work/metadata.db").unlink()
    assert run() == {"a": "kept", "b": "kept", "c": "kept"}
    assert states(tmp_path) == {f"three.{name}": Counter(COMPLETE=1) for name in "abc"}


def test_progress_has_a_line_for_each_node(run):
    stream = io.StringIO()
    run(stream=stream)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert all("ran" in line for line in lines)
