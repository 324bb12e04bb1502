"""`tuwen check-data -o`: one page that loads nothing, its figures as JSON, and a contact sheet."""

from __future__ import annotations

import base64
from pathlib import Path

from components.run_report.templating import environment
from data.base import files
from data.checking import console
from data.checking.check import CheckResult, sheet
from data.checking.vocabulary_coverage import by_language

PAGE, FIGURES, SHEET = "index.html", "check.json", "contact.jpg"
_REJECTS = 500


def write(result: CheckResult, directory: Path) -> Path:
    """Writes the page, `check.json` and `contact.jpg` into `directory`; returns the page's path."""
    files.write_whole(str(directory / FIGURES), result.to_json().encode("utf-8", "replace"))
    if result.samples:
        files.write_whole(str(directory / SHEET), sheet(result.samples))
    page = directory / PAGE
    files.write_whole(str(page), html(result).encode("utf-8", "replace"))
    return page


def html(result: CheckResult) -> str:
    """Returns the page as HTML text."""
    jinja = environment(Path(__file__).with_name("templates"))
    jinja.filters["places"] = console.places
    jinja.filters["named"] = lambda counts: {str(key): count for key, count in counts.items()}
    jinja.filters["base64"] = lambda content: base64.b64encode(content).decode()
    return jinja.get_template("check.html").render(
        result=result,
        shares=by_language(result.model) if result.model else {},
        rejects=result.rejects[:_REJECTS],
    )
