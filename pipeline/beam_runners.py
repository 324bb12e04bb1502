"""On which of Beam's runners data are read, described and prepared, and what a runner needs.

Needs neither Beam nor TFX.
"""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import UsageError
from trainer.settings_loader import require, require_one_of

DIRECT, PORTABLE, FLINK, SPARK, DATAFLOW = "direct", "portable", "flink", "spark", "dataflow"
RUNNERS = (DIRECT, PORTABLE, FLINK, SPARK, DATAFLOW)
ENVIRONMENTS = ("loopback", "docker", "external", "process")
# In the place of the setup.py that is made when a pipeline starts.
SHIPPED = "--setup_file=/@shipped@/setup.py"

# Named by its path: the short name DirectRunner lets Beam fetch another runner from the network.
_DIRECT = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
# TFX makes a package of itself for each node, 40 MB, unless an image is named that has it: workers
# of this machine have it, and start no image.
_NO_PACKAGE = "--sdk_container_image=none"
_PLACES = {
    PORTABLE: (re.compile(r"[^\s/:]+:\d+"), "host:port of a job service, such as localhost:8099"),
    FLINK: (re.compile(r"[^\s/:]+:\d+"), "host:port of Flink's REST service, such as flink:8081"),
    SPARK: (re.compile(r"spark://[^\s/:]+:\d+|yarn|local\[[\d*]+\]"), "spark://host:port"),
}
_FLAGS = {PORTABLE: "job_endpoint", FLINK: "flink_master", SPARK: "spark_master_url"}
_NAMES = {PORTABLE: "PortableRunner", FLINK: "FlinkRunner", SPARK: "SparkRunner"}
# What the other settings say already.
_TAKEN = {"runner", "setup_file", "direct_num_workers", "direct_running_mode", *_FLAGS.values()}
_OPTION = re.compile(r"[a-z][a-z0-9_]*")
PROJECT = Path(__file__).resolve().parents[1]
SOURCE = ("setup.py", "README.md", "LICENSE", "NOTICE", "data", "trainer", "components", "pipeline")
JOB_SERVICE = "python -m apache_beam.runners.portability.local_job_service_main --port"
_ENDPOINT = "--job_endpoint="
_PATIENCE = 5.0


@dataclass(frozen=True)
class BeamSettings:
    """The runner of CaptionExampleGen, StatisticsGen and Transform.

    Attributes:
      runner: `direct` works on this machine. `portable` hands the work to a job service, `flink`,
        `spark` and `dataflow` to such a cluster; the source of this package goes with it.
      workers: of `direct`: processes; 1 works in memory, in the node's own process.
      endpoint: of `portable`, `flink` and `spark`: where they are.
      environment: of those: in what the workers run. `loopback` is the node's own process; `docker`
        starts `environment_config` as an image, `external` finds workers at that address, `process`
        starts that command. The image must hold the locked stack.
      environment_config: see `environment`.
      project, region, temp_location: of `dataflow`; temp_location is `gs://...`.
      options: further options of Beam by name, without dashes: `{parallelism: "8"}`.
    """

    runner: str = DIRECT
    workers: int = 1
    endpoint: str = ""
    environment: str = "loopback"
    environment_config: str = ""
    project: str = ""
    region: str = ""
    temp_location: str = ""
    options: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_one_of("runner", self.runner, RUNNERS)
        require_one_of("environment", self.environment, ENVIRONMENTS)
        require(self.workers >= 1, "workers", self.workers, "1 or more")
        only = "more than 1 with runner: direct alone; give a cluster its own options"
        require(self.runner == DIRECT or self.workers == 1, "workers", self.workers, only)
        self._require_place()
        self._require_environment()
        self._require_dataflow()
        for name in self.options:
            legal = _OPTION.fullmatch(name) is not None and name not in _TAKEN
            require(legal, "options", name, f"an option of Beam without dashes, none of {_taken()}")

    def _require_place(self) -> None:
        if self.runner in _PLACES:
            form, allowed = _PLACES[self.runner]
            require(form.fullmatch(self.endpoint) is not None, "endpoint", self.endpoint, allowed)
        else:
            allowed = f"empty with runner: {self.runner}"
            require(not self.endpoint, "endpoint", self.endpoint, allowed)

    def _require_environment(self) -> None:
        needed, given = self.environment != "loopback", self.environment_config
        allowed = f"{'what environment: ' if needed else 'empty with environment: '}"
        allowed += f"{self.environment}{' starts or finds' if needed else ''}"
        require(bool(given) == needed, "environment_config", given, allowed)

    def _require_dataflow(self) -> None:
        for key in ("project", "region", "temp_location"):
            value = getattr(self, key)
            fits = bool(value) == (self.runner == DATAFLOW)
            require(fits, key, value, f"given with runner: {DATAFLOW}, and only then")
        place = self.temp_location
        require(not place or place.startswith("gs://"), "temp_location", place, "gs://...")

    def arguments(self) -> tuple[str, ...]:
        """Returns the options that Beam and TFX read; `SHIPPED` stands for a file to be made."""
        return (*self._own(), *(f"--{name}={self.options[name]}" for name in sorted(self.options)))

    def _own(self) -> tuple[str, ...]:
        if self.runner == DIRECT:
            mode = "in_memory" if self.workers == 1 else "multi_processing"
            workers = f"--direct_num_workers={self.workers}"
            return _DIRECT, f"--direct_running_mode={mode}", workers, _NO_PACKAGE
        if self.runner == DATAFLOW:
            places = ("project", "region", "temp_location")
            given = (f"--{key}={getattr(self, key)}" for key in places)
            return ("--runner=DataflowRunner", *given, SHIPPED)
        endpoint = f"--{_FLAGS[self.runner]}={self.endpoint}"
        found = [f"--runner={_NAMES[self.runner]}", endpoint]
        found.append(f"--environment_type={self.environment.upper()}")
        if self.environment_config:
            found.append(f"--environment_config={self.environment_config}")
        # Workers in the node's own process have the source.
        return (*found, *([] if self.environment == "loopback" else [SHIPPED]))


def _taken() -> str:
    return ", ".join(sorted(_TAKEN))


def ready(arguments: Sequence[str], scratch: Path) -> list[str]:
    """Returns Beam's options with the source in `scratch`, if workers elsewhere need it.

    Raises:
      UsageError: nobody answers where the job service should be, or the source is not here.
    """
    for argument in arguments:
        if argument.startswith(_ENDPOINT):
            require_answer(argument.removeprefix(_ENDPOINT))
    if SHIPPED not in arguments:
        return list(arguments)
    setup = f"--setup_file={ship(scratch)}"
    return [setup if argument == SHIPPED else argument for argument in arguments]


def require_answer(endpoint: str) -> None:
    """Raises UsageError unless something listens at `host:port`."""
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise UsageError(
            f"beam.endpoint = '{endpoint}': nobody answers there ({error}). Start a job service, "
            f"such as: {JOB_SERVICE} {port}"
        ) from None


def ship(scratch: Path) -> Path:
    """Copies the source into `scratch`, where Beam may build a package of it; returns its setup.py.

    The installed source itself may belong to another user.
    """
    if not (PROJECT / SOURCE[0]).is_file():
        raise UsageError(
            f"{PROJECT} has no {SOURCE[0]}, which Beam's workers are sent: install Tuwen editable "
            "(make env), or take beam.runner: direct"
        )
    target = scratch / "source"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in SOURCE:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target / name)
    return target / SOURCE[0]
