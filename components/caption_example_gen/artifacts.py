"""The artefact type that holds what was left out of the examples, and why."""

from tfx.types.artifact import Artifact


class RejectedRows(Artifact):
    """A directory with `rejects.jsonl`, a line per reject, and `summary.json`, the counts."""

    TYPE_NAME = "RejectedRows"
