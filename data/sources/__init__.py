"""Sources of captioned images: caption files, text files and TFDS data sets."""

from data.sources.duplicates import Seen, resolve_duplicates
from data.sources.loading import Loaded, load, load_row
from data.sources.opening import open_source
from data.sources.policies import DEFAULT_POLICIES, Policies
from data.sources.report import RejectReport, collect, sift
from data.sources.rows import DEFAULT_LIMITS, REMEDIES, Limits, Reject, Row
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
