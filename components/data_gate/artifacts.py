"""The artefact type that holds the decision about the data."""

from tfx.types.artifact import Artifact


class DataDecision(Artifact):
    """A directory with `decision.json`: verdict, findings with remedies, and figures."""

    TYPE_NAME = "DataDecision"
