"""The artefact type that holds the page."""

from tfx.types.artifact import Artifact


class RunReportPage(Artifact):
    """A directory with `index.html`, one self-contained page, and `report.json`, its content."""

    TYPE_NAME = "RunReportPage"
