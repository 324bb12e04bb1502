"""Artefact types of this project, and blessings for the standard TFX components."""

from __future__ import annotations

from tfx import types
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

# Property of a blessing.
BLESSED = "blessed"
MESSAGE = "blessing_message"
# Set by a rollback: the model was blessed, but turned out to be bad.
WITHDRAWN = "withdrawn"


class RejectedRows(Artifact):
    """A directory with `rejects.jsonl`, one line per reject, and `summary.json`, the counts."""

    TYPE_NAME = "RejectedRows"


class DataDecision(Artifact):
    """A directory with `decision.json`: verdict, findings with remedies, and statistics."""

    TYPE_NAME = "DataDecision"


class ServingCheckReport(Artifact):
    """A directory with `report.json`: verdict, problems, latencies, load time, peak memory."""

    TYPE_NAME = "ServingCheckReport"


class RunReportPage(Artifact):
    """A directory with `index.html`, a self-contained page, and `report.json`, its content."""

    TYPE_NAME = "RunReportPage"


def write_blessing(
    blessing: types.Artifact, blessed: bool, sentence: str, *, yes: str, no: str
) -> None:
    """Sets the properties of `blessing` and writes one file with the same content.

    Args:
      blessing: a ModelBlessing or InfraBlessing with its URI set.
      blessed: the verdict.
      sentence: the reason, the content of the file and the property `blessing_message`.
      yes, no: name of the file if blessed, and if not.
    """
    name = yes if blessed else no
    io_utils.write_string_file(f"{blessing.uri}/{name}", sentence + "\n")
    blessing.set_int_custom_property(BLESSED, int(blessed))
    blessing.set_string_custom_property(MESSAGE, sentence)


def is_blessed(blessing: types.Artifact) -> bool:
    """Whether a model was blessed and the blessing was not withdrawn."""
    return (
        blessing.get_int_custom_property(BLESSED) == 1
        and blessing.get_int_custom_property(WITHDRAWN) != 1
    )
