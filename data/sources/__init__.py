"""Sources of captioned images: caption files, text files and TFDS data sets."""

from data.sources.opening import open_source
from data.sources.pictures import Loaded, load, load_row
from data.sources.report import RejectReport, Seen, collect, resolve_duplicates, sift
from data.sources.rows import (
    DEFAULT_LIMITS,
    DEFAULT_POLICIES,
    REMEDIES,
    Limits,
    Policies,
    Reject,
    Row,
)
from data.sources.source import Source

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_POLICIES",
    "REMEDIES",
    "Limits",
    "Loaded",
    "Policies",
    "Reject",
    "RejectReport",
    "Row",
    "Seen",
    "Source",
    "collect",
    "load",
    "load_row",
    "open_source",
    "resolve_duplicates",
    "sift",
]
