"""Which of Beam's options the settings become, and which settings are refused."""

import pytest
from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    SparkRunnerOptions,
)
from tfx.utils import dependency_utils

from pipeline.beam_runners import SHIPPED, BeamSettings
from trainer.settings_loader import SettingsError, from_mapping

DOCKER = {"environment": "docker", "environment_config": "registry/tuwen:1"}
CLOUD = {"project": "p", "region": "europe-west1", "temp_location": "gs://bucket/tmp"}


def options(**values):
    return PipelineOptions(from_mapping(BeamSettings, values, "beam").arguments())


def test_by_default_the_work_is_done_in_memory():
    found = options().view_as(DirectOptions)
    assert (found.direct_running_mode, found.direct_num_workers) == ("in_memory", 1)


def test_several_workers_are_processes():
    found = options(workers=3).view_as(DirectOptions)
    assert (found.direct_running_mode, found.direct_num_workers) == ("multi_processing", 3)


def test_a_job_service_gets_work_for_this_process():
    settings = BeamSettings(runner="portable", endpoint="localhost:8099")
    found = PipelineOptions(settings.arguments()).view_as(PortableOptions)
    assert found.job_endpoint == "localhost:8099"
    assert found.environment_type == "LOOPBACK"
    assert SHIPPED not in settings.arguments()


def test_workers_elsewhere_are_sent_the_source():
    for runner, endpoint in (("flink", "flink:8081"), ("spark", "spark://spark:7077")):
        found = options(runner=runner, endpoint=endpoint, **DOCKER)
        assert f"--setup_file={found.view_as(SetupOptions).setup_file}" == SHIPPED
        assert found.view_as(PortableOptions).environment_config == "registry/tuwen:1"
    found = options(runner="flink", endpoint="flink:8081").view_as(FlinkRunnerOptions)
    assert found.flink_master == "flink:8081"
    found = options(runner="spark", endpoint="spark://s:7077").view_as(SparkRunnerOptions)
    assert found.spark_master_url == "spark://s:7077"


def test_dataflow_is_told_its_places():
    found = options(runner="dataflow", **CLOUD).view_as(GoogleCloudOptions)
    assert (found.project, found.region) == ("p", "europe-west1")
    assert found.temp_location == "gs://bucket/tmp"


def test_further_options_are_passed_on():
    found = BeamSettings(options={"parallelism": "8", "job_name": "tuwen"}).arguments()
    assert found[-2:] == ("--job_name=tuwen", "--parallelism=8")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"runner": "prism"}, "runner = 'prism' is not allowed"),
        ({"workers": 0}, "workers = 0"),
        ({"runner": "flink", "endpoint": "a:1", "workers": 2}, "workers = 2"),
        ({"endpoint": "localhost:1"}, "endpoint = 'localhost:1'"),
        ({"runner": "portable"}, "such as localhost:8099"),
        ({"runner": "portable", "endpoint": "http://a:1"}, "endpoint = 'http://a:1'"),
        ({"runner": "spark", "endpoint": "spark:7077"}, "spark://host:port"),
        ({"runner": "flink", "endpoint": "a:1", "environment": "docker"}, "environment_config"),
        ({"environment_config": "x"}, "empty with environment: loopback"),
        ({"runner": "dataflow"}, "project = ''"),
        ({"project": "p"}, "project = 'p'"),
        ({"runner": "dataflow", **CLOUD, "temp_location": "/tmp"}, "temp_location = '/tmp'"),
        ({"options": {"--x": "1"}}, "options = '--x'"),
        ({"options": {"runner": "x"}}, "options = 'runner'"),
    ],
)
def test_what_no_runner_takes_is_refused(values, said):
    with pytest.raises(SettingsError, match=said.replace(".", r"\.")):
        from_mapping(BeamSettings, values, "beam")


def test_on_this_machine_tfx_makes_no_package_of_itself(monkeypatch):
    """It would copy itself, 40 MB, into the temporary folder for each node."""
    monkeypatch.setattr(dependency_utils, "build_ephemeral_package", lambda: 1 / 0)
    for workers in (1, 2):
        given = list(BeamSettings(workers=workers).arguments())
        assert dependency_utils.make_beam_dependency_flags(given) == given
