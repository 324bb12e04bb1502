"""Writing a blessing as the stock TFX Pusher and LatestBlessedModelStrategy read it."""

from __future__ import annotations

from tfx import types
from tfx.utils import io_utils

BLESSED = "blessed"
MESSAGE = "blessing_message"
# Set by a rollback: the model was blessed, and has shown since that it should not have been.
WITHDRAWN = "withdrawn"


def write(blessing: types.Artifact, blessed: bool, sentence: str, *, yes: str, no: str) -> None:
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


def stands(blessing: types.Artifact) -> bool:
    """Whether a model was blessed, and that was not withdrawn."""
    return (
        blessing.get_int_custom_property(BLESSED) == 1
        and blessing.get_int_custom_property(WITHDRAWN) != 1
    )
