"""Which run's data the new data are compared with."""

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2 as pb
from tfx.types import standard_artifacts

from components.artifacts import DataDecision
from pipeline.resolvers import LastBlessedDataStrategy

KINDS = {
    "statistics": standard_artifacts.ExampleStatistics,
    "gate": DataDecision,
    "examples": standard_artifacts.Examples,
    "judge": standard_artifacts.Model,
    "encoder_blessing": standard_artifacts.ModelBlessing,
    "generator_blessing": standard_artifacts.ModelBlessing,
}
NAMES = ("statistics", "gate", "examples", "judge")


@pytest.fixture
def store():
    config = pb.ConnectionConfig()
    config.fake_database.SetInParent()
    made = mlmd.MetadataStore(config)
    for name in KINDS:
        made.put_artifact_type(pb.ArtifactType(name=name))
    made.put_context_type(pb.ContextType(name="pipeline_run"))
    return made


def remember(store, name, runs, **properties):
    """Puts an artefact into the store and into the runs; returns it as TFX sees it."""
    (kind,) = [one for one in store.get_artifact_types() if one.name == name]
    entry = pb.Artifact(type_id=kind.id)
    (entry.id,) = store.put_artifacts([entry])
    store.put_attributions_and_associations(
        [pb.Attribution(artifact_id=entry.id, context_id=run) for run in runs], []
    )
    made = KINDS[name]()
    made.id = entry.id
    for key, value in properties.items():
        made.set_int_custom_property(key, value)
    return made


def run(store, name):
    (kind,) = store.get_context_types()
    (made,) = store.put_contexts([pb.Context(type_id=kind.id, name=name)])
    return made


@pytest.fixture
def history(store):
    """Three runs on data of their own: both blessed, the generator alone, none."""
    held = {name: [] for name in KINDS}
    blessed = {"encoder_blessing": (1, 0, 0), "generator_blessing": (1, 1, 0)}
    for place in range(3):
        here = run(store, f"run{place}")
        for name in KINDS:
            more = {"blessed": blessed[name][place]} if name in blessed else {}
            held[name].append(remember(store, name, [here], **more))
    return held


def resolve(store, history, candidate, but=()):
    given = {name: held for name, held in history.items() if name not in but}
    given["candidate"] = [candidate]
    found = LastBlessedDataStrategy().resolve_artifacts(store, given)
    assert found.keys() == given.keys()
    return [[one.id for one in found[name]] for name in NAMES if name in found]


def ids(history, place):
    return [[history[name][place].id] for name in NAMES]


def test_new_data_are_compared_with_those_of_the_last_blessed_run(store, history):
    fresh = remember(store, "statistics", [run(store, "new")])
    assert resolve(store, history, fresh) == ids(history, 1)
    assert resolve(store, history, history["statistics"][2]) == ids(history, 1)


def test_data_are_not_compared_with_themselves(store, history):
    assert resolve(store, history, history["statistics"][1]) == ids(history, 0)
    assert resolve(store, history, history["statistics"][0]) == ids(history, 1)


def test_without_a_blessed_run_there_is_nothing_to_compare_with(store, history):
    for blessing in history["encoder_blessing"] + history["generator_blessing"]:
        blessing.set_int_custom_property("blessed", 0)
    assert resolve(store, history, history["statistics"][2]) == [[], [], [], []]


def test_data_of_a_model_that_was_rolled_back_do_not_count(store, history):
    fresh = remember(store, "statistics", [run(store, "new")])
    history["generator_blessing"][1].set_int_custom_property("withdrawn", 1)
    assert resolve(store, history, fresh) == ids(history, 0)


def test_a_model_is_asked_about_the_data_that_it_was_blessed_on_itself(store, history):
    """The generator alone was blessed on the newer data: the encoder in use has not seen them."""
    fresh = remember(store, "statistics", [run(store, "new")])
    assert resolve(store, history, fresh, but=["generator_blessing"]) == ids(history, 0)
    assert resolve(store, history, fresh, but=["encoder_blessing"]) == ids(history, 1)


def test_only_what_is_asked_for_is_looked_up(store, history):
    """Not every run has a judge, and not every question is about the gate."""
    fresh = remember(store, "statistics", [run(store, "new")])
    statistics, _, examples, judge = ids(history, 1)
    assert resolve(store, history, fresh, but=["gate"]) == [statistics, examples, judge]
    history["judge"].pop(1)
    assert resolve(store, history, fresh, but=["gate"]) == [statistics, examples, []]
