"""Brings the page and the figures of the run that ended last to where people look for them."""

from __future__ import annotations

from components.metadata import newest_outputs, opened
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
    for artifact in newest_outputs(store, pipeline_name, NODE):
        copy(artifact.uri, str(work.root))
