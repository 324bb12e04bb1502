"""After a rollback later runs no longer compare with the model that was withdrawn."""

import pytest
from tfx.types import standard_artifacts

from components.metadata import CREATE, opened, pb
from pipeline.commands.rollback import withdraw
from pipeline.resolvers import LastBlessedStrategy
from pipeline.work_dir import WorkDir


@pytest.fixture
def work(tmp_path):
    """A work directory whose pipeline has pushed version 10 and then 20 of a captioner."""
    work = WorkDir(tmp_path)
    store = open_store(work)
    kinds = {
        name: store.put_artifact_type(pb.ArtifactType(name=name))
        for name in ("Model", "ModelBlessing", "PushedModel")
    }
    pusher = store.put_execution_type(pb.ExecutionType(name="Pusher"))
    for version in (10, 20):
        ids = {}
        for name, kind in kinds.items():
            entry = pb.Artifact(type_id=kind, name=f"{name}{version}")
            if name == "ModelBlessing":
                entry.custom_properties["blessed"].int_value = 1
                entry.custom_properties["current_model_id"].int_value = ids["Model"]
            if name == "PushedModel":
                place = f"{work.serving}/captioner/{version}"
                entry.custom_properties["pushed_destination"].string_value = place
            (ids[name],) = store.put_artifacts([entry])
        (execution,) = store.put_executions([pb.Execution(type_id=pusher)])
        events = [
            event(execution, ids["Model"], pb.Event.INPUT, "model"),
            event(execution, ids["ModelBlessing"], pb.Event.INPUT, "model_blessing"),
            event(execution, ids["PushedModel"], pb.Event.OUTPUT, "pushed_model"),
        ]
        store.put_events(events)
    return work


def event(execution, artifact, kind, key):
    made = pb.Event(execution_id=execution, artifact_id=artifact, type=kind)
    made.path.steps.add().key = key
    return made


def open_store(work):
    return opened(str(work.metadata), CREATE)


def last_blessed(work):
    """The name of the model that a new one would be compared with."""
    store = open_store(work)
    given, names = {"candidate": []}, {}
    for key, kind in (
        ("model", standard_artifacts.Model),
        ("blessing", standard_artifacts.ModelBlessing),
    ):
        given[key] = []
        for entry in store.get_artifacts_by_type(kind.TYPE_NAME):
            artifact = kind()
            artifact.set_mlmd_artifact(entry)
            names[entry.id] = entry.name
            given[key].append(artifact)
    found = LastBlessedStrategy().resolve_artifacts(store, given)["model"]
    return [names[artifact.id] for artifact in found]


def test_the_model_before_is_the_last_blessed_one_again(work):
    assert last_blessed(work) == ["Model20"]
    assert withdraw("captioner", 20, work)
    assert last_blessed(work) == ["Model10"]


def test_what_was_never_pushed_is_not_withdrawn(work):
    assert not withdraw("captioner", 30, work)
    assert not withdraw("generator", 20, work)
    assert last_blessed(work) == ["Model20"]


def test_without_metadata_there_is_nothing_to_withdraw(tmp_path):
    assert not withdraw("captioner", 20, WorkDir(tmp_path / "other"))
