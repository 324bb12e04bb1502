"""The templates and what they can call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from components.run_report import charts, views, words

TEMPLATES = Path(__file__).with_name("templates")


def render_template(name: str, **values: Any) -> str:
    """Returns the template `name` filled in, as a page that loads nothing from anywhere."""
    return environment().get_template(name).render(**values)


def environment(*folders: Path) -> Environment:
    """Returns what renders templates of `folders`, and then of this one, in the common style."""
    made = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "number": charts.number,
        "duration": words.duration,
        "plain": words.plain,
        "shares": views.shares,
        "picture": views.picture_source,
        "sentence": words.sentence,
    }
    made.filters.update(filters)
    made.globals["style"] = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    return made
