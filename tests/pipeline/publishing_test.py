"""What people look at is the report of the run that ended last, cached or not."""

import io

import ml_metadata as mlmd
from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component

from components.artifacts import RunReportPage
from pipeline import local_runner
from pipeline.work_dir import WorkDir


@component
def RunReport(settings: Parameter[str], report: OutputArtifact[RunReportPage]):
    for name in ("index.html", "report.json", "metrics.json"):
        with open(f"{report.uri}/{name}", "w", encoding="utf-8") as file:
            file.write(f"{name} of {settings}")


def run(work, settings):
    connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(work.metadata))
    graph = tfx.dsl.Pipeline(
        "toy",
        str(work.pipeline_root),
        components=[RunReport(settings=settings)],
        enable_cache=True,
        metadata_connection_config=connection,
    )
    outcomes = local_runner.run(graph, io.StringIO())
    local_runner.publish_report("toy", work)
    return outcomes["RunReport"]


def shown(work):
    paths = (work.report, work.report_data, work.metrics)
    return [path.read_text(encoding="utf-8") for path in paths]


def of(settings):
    return [f"{name} of {settings}" for name in ("index.html", "report.json", "metrics.json")]


def test_a_cached_report_takes_the_place_of_the_one_in_between(tmp_path):
    work = WorkDir(tmp_path)
    assert run(work, "plain") == "ran"
    assert shown(work) == of("plain")
    assert run(work, "forced") == "ran"
    assert shown(work) == of("forced")
    assert run(work, "plain") == "cached"
    assert shown(work) == of("plain")


def test_without_a_report_nothing_is_published(tmp_path):
    work = WorkDir(tmp_path)
    connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(work.metadata))
    mlmd.MetadataStore(connection)
    local_runner.publish_report("toy", work)
    assert not work.report.exists()
