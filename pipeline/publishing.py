"""Brings the page and the figures of the run that ended last to where people look for them."""

from __future__ import annotations

from components.metadata import opened, pb
from components.run_report.executor import copy
from pipeline.work_dir import WorkDir

NODE = "RunReport"


def publish(pipeline_name: str, work: WorkDir) -> None:
    """Copies the report of the newest run into its work directory.

    RunReport does so itself when it runs. When its result comes from the cache, the copies may be
    those of a run in between, with other settings or a forced blessing: what the cache gave has to
    take their place.
    """
    store = opened(str(work.metadata))
    context = store.get_context_by_type_and_name("node", f"{pipeline_name}.{NODE}")
    executions = store.get_executions_by_context(context.id) if context else []
    if not executions:
        return
    newest = max(executions, key=lambda execution: execution.id)
    events = store.get_events_by_execution_ids([newest.id])
    outputs = [event.artifact_id for event in events if event.type == pb.Event.OUTPUT]
    for artifact in store.get_artifacts_by_id(outputs):
        copy(artifact.uri, str(work.root))
