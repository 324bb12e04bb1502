"""The artefact type that holds what a model did in a fresh process."""

from tfx.types.artifact import Artifact


class ServingCheckReport(Artifact):
    """A directory with `report.json`: verdict, problems, latencies, load time, peak memory."""

    TYPE_NAME = "ServingCheckReport"
