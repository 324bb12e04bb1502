"""What the metadata of a run say of its nodes."""

import pytest

from components.metadata import CREATE, opened, pb
from components.run_report.execution import node_times
from data.base.plain_paths import without_patterns


@pytest.mark.parametrize("name", ["plain", "a[1]*"])
def test_artefacts_are_shown_from_the_work_directory_on(tmp_path, name):
    root = tmp_path / name
    place = root / "pipeline_root" / "Trainer" / "model" / "1"
    place.mkdir(parents=True)
    (place / "weights").write_bytes(b"x")
    store = opened(str(root / "metadata.db"), CREATE)
    context = pb.Context(name="toy.Trainer")
    context.type_id = store.put_context_type(pb.ContextType(name="node"))
    execution = pb.Execution(last_known_state=pb.Execution.COMPLETE)
    execution.type_id = store.put_execution_type(pb.ExecutionType(name="Trainer"))
    uri = f"{without_patterns(str(root))}/pipeline_root/Trainer/model/1"
    artifact = pb.Artifact(uri=uri, state=pb.Artifact.LIVE)
    artifact.type_id = store.put_artifact_type(pb.ArtifactType(name="Model"))
    store.put_execution(execution, [(artifact, pb.Event(type=pb.Event.OUTPUT))], [context])
    (node,) = node_times(str(root / "metadata.db"))
    (made,) = node.outputs
    assert (node.node, made.uri) == ("Trainer", "pipeline_root/Trainer/model/1")
