"""Artefact types of this project, and the blessings that stock TFX components read."""

from __future__ import annotations

from tfx import types
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

# Properties of a blessing.
BLESSED = "blessed"
MESSAGE = "blessing_message"
# Set by a rollback: the model was blessed, and has shown since that it should not have been.
WITHDRAWN = "withdrawn"


class RejectedRows(Artifact):
    """A directory with `rejects.jsonl`, a line per reject, and `summary.json`, the counts."""

    TYPE_NAME = "RejectedRows"


class DataDecision(Artifact):
    """A directory with `decision.json`: verdict, findings with remedies, and figures."""

    TYPE_NAME = "DataDecision"


class ServingCheckReport(Artifact):
    """A directory with `report.json`: verdict, problems, latencies, load time, peak memory."""

    TYPE_NAME = "ServingCheckReport"


class RunReportPage(Artifact):
    """A directory with `index.html`, one self-contained page, and `report.json`, its content."""

    TYPE_NAME = "RunReportPage"


def write_blessing(
    blessing: types.Artifact, blessed: bool, sentence: str, *, yes: str, no: str
) -> None:
    """Marks `blessing` and leaves one file that says the same.

    Args:
      blessing: a ModelBlessing or InfraBlessing with its URI set.
      blessed: the verdict.
      sentence: the reason; it becomes the file's content and the property `blessing_message`.
      yes, no: the file's name in either case.
    """
    name = yes if blessed else no
    io_utils.write_string_file(f"{blessing.uri}/{name}", sentence + "\n")
    blessing.set_int_custom_property(BLESSED, int(blessed))
    blessing.set_string_custom_property(MESSAGE, sentence)


def is_blessed(blessing: types.Artifact) -> bool:
    """Whether a model was blessed, and that was not withdrawn."""
    return (
        blessing.get_int_custom_property(BLESSED) == 1
        and blessing.get_int_custom_property(WITHDRAWN) != 1
    )
