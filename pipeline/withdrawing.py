"""Takes a blessing back in the metadata, so that later runs no longer compare with that model."""

from __future__ import annotations

from typing import Any

import ml_metadata as mlmd

from components.blessing import WITHDRAWN
from components.metadata import WRITE, opened, pb
from components.run_report.executor import PUSHED_TO
from pipeline.work_dir import WorkDir

PUSHED = "PushedModel"
BLESSINGS = "model_blessing"


def withdraw(model: str, version: int, work: WorkDir) -> bool:
    """Marks the blessing of a pushed version as withdrawn.

    The model itself and its verdict stay as they are: what was found is no less true.

    Args:
      model: `encoder`, `captioner` or `generator`.
      version: under which it was pushed.
      work: of the run.

    Returns:
      False where the metadata know of no such push.
    """
    if not work.metadata.is_file():
        return False
    store = opened(str(work.metadata), WRITE)
    kinds = {kind.name for kind in store.get_artifact_types()}
    pushes = [
        artifact.id
        for artifact in (store.get_artifacts_by_type(PUSHED) if PUSHED in kinds else ())
        if artifact.custom_properties[PUSHED_TO].string_value.endswith(f"/{model}/{version}")
    ]
    found = [blessing for push in pushes for blessing in _blessings(store, push)]
    for blessing in found:
        blessing.custom_properties[WITHDRAWN].int_value = 1
    if found:
        store.put_artifacts(found)
    return bool(found)


def _blessings(store: mlmd.MetadataStore, push: int) -> list[Any]:
    """The blessings that the execution read which made the artefact `push`."""
    about = store.get_events_by_artifact_ids([push])
    makers = [event.execution_id for event in about if event.type == pb.Event.OUTPUT]
    events = store.get_events_by_execution_ids(makers)
    read = [
        event.artifact_id
        for event in events
        if event.type == pb.Event.INPUT and any(step.key == BLESSINGS for step in event.path.steps)
    ]
    return list(store.get_artifacts_by_id(read))
