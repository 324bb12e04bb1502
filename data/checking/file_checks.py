"""What lies in a data set's folders and is not read: often a caption file that is not whole, or
pictures of a kind that nobody looked for."""

from __future__ import annotations

from collections.abc import Iterator

from data.base import files
from data.checking.findings import Finding, first_places
from data.picture_files import PICTURE_ENDINGS
from data.sources import inventory
from data.sources.inventory import Inventory

# By the reason why files are ignored: name of the check, what they are, and a remedy.
_NOTES = {
    inventory.UNNAMED: (
        "uncaptioned_files",
        "pictures that no row names",
        "Write rows for them if they are meant to be learned from.",
    ),
    files.LINKED_FOLDER: (
        "linked_folder",
        "links to folders, which are not followed",
        "To have them read, copy the data with what the links lead to, cp -rL DATA COPY, and name "
        "the copy.",
    ),
    files.BROKEN_LINK: (
        "broken_link",
        "links to files that are not there",
        "Put the files there, or remove the links.",
    ),
    files.UNREADABLE_FOLDER: (
        "unreadable_folder",
        "folders that cannot be read",
        "Give the user who runs this the right to read them: chmod -R u+rX FOLDER.",
    ),
    files.SPECIAL: (
        "special_file",
        "pipes, sockets or devices",
        "Remove them; nothing is read from them.",
    ),
}
# Files that stand beside data to be read by people or by systems.
_PLAIN = (".md", ".pdf", ".html", ".db", ".ini", ".py", ".sh", ".yaml", ".yml", ".log")


def find(counted: Inventory | None) -> Iterator[Finding]:
    """Yields a note for each kind of file that is not read; hidden ones and texts for people apart.

    Args:
      counted: the files of a source; None where they are not on this disk.
    """
    if counted is None:
        return
    for reason, (check, what, remedy) in _NOTES.items():
        if reason in counted.ignored:
            found = counted.examples[reason]
            behind = f" ({counted.behind:,} pictures)" if reason == files.LINKED_FOLDER else ""
            said = f"{what}: {counted.ignored[reason]:,}{behind}, such as {found[0]}"
            yield Finding(check, False, said, remedy, found)
    endings = [(name, count) for name, count in counted.endings.items() if name not in _PLAIN]
    if endings:
        kinds = ", ".join(f"{count:,} {name or 'without one'}" for name, count in endings)
        yield Finding(
            "unread_files",
            False,
            f"files whose endings are not read: {kinds}",
            "Nothing is to be done where they are no data. Pictures are read as "
            f"{', '.join(PICTURE_ENDINGS)}; convert others.",
            first_places(
                name
                for name in counted.examples[inventory.OTHER_ENDING]
                if not name.lower().endswith(_PLAIN)
            ),
        )
