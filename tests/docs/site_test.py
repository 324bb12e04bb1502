"""The documentation site: every page is in it, and what pages name exists."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from pipeline.settings import Settings
from trainer.evaluation.settings import EvaluationSettings

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("data", "trainer", "components", "pipeline")
PYTHON = PROJECT / ".tools/docs/bin/python"
# What it tells of earlier versions has gone.
HISTORY = "CHANGELOG.md"
DATA_FILES = ("yaml", "json", "jsonl", "txt", "csv", "tsv", "md", "html", "pb", "h5", "bib")


def pages_of(nav: Any) -> Iterator[str]:
    """The paths in a navigation."""
    if isinstance(nav, str):
        yield nav
    else:
        for one in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_of(one)


NAV = list(pages_of(yaml.safe_load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
PAGES = [path for path in NAV if not path.startswith("api/")]


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The paths of the repository, where it is one: the Debian root has a copy without `.git`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", ":!.github"]
    listed = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"no repository to list: {listed.stderr.strip()}")
    return listed.stdout.splitlines()


def test_every_page_of_the_repository_is_on_the_site(tracked: list[str]) -> None:
    assert len(NAV) == len(set(NAV))
    assert set(PAGES) == {path for path in tracked if path.endswith(".md")}


def test_every_package_of_the_trainer_has_an_api_page() -> None:
    inner = {one.parent.name for one in (PROJECT / "trainer").glob("*/*.py")}
    packages = {"trainer", *(f"trainer/{name}" for name in inner)}
    shown = {page.removeprefix("api/").removesuffix(".md") for page in set(NAV) - set(PAGES)}
    assert shown == packages | {"data"}


@cache
def names_in(module: Path) -> frozenset[str]:
    """What a module defines or imports at its top."""
    found: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id for one in targets if isinstance(one, ast.Name)}
        elif isinstance(node, ast.ImportFrom):
            found |= {one.asname or one.name for one in node.names}
    return frozenset(found)


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module, a package, or a name in a module."""
    place, parts = PROJECT, dotted.split(".")
    for number, part in enumerate(parts):
        place /= part
        module = place.with_suffix(".py")
        if module.is_file():
            rest = parts[number + 1 :]
            return not rest or rest[0] in names_in(module)
        if not place.is_dir():
            package = place.parent / "__init__.py"
            return package.is_file() and part in names_in(package)
    return True


def settings(kind: Any = Settings, prefix: str = "") -> Iterator[str]:
    """The dotted name of every setting of a run."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        yield prefix + field.name
        if dataclasses.is_dataclass(hints[field.name]):
            yield from settings(hints[field.name], f"{prefix}{field.name}.")


SETTINGS = {*settings(), *settings(EvaluationSettings, "evaluation.")}


def spoken_of(page: str) -> set[str]:
    """What stands between backticks in a page, without fenced blocks and links."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    text = re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\[`[^`\n]+`\]\(", "", text)
    return set(re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("page", [page for page in PAGES if page != HISTORY])
def test_modules_that_a_page_names_exist(page: str, tracked: list[str]) -> None:
    spoken = spoken_of(page)
    dotted = re.compile(rf"({'|'.join(ROOMS)})(\.\w+)+")
    names = {name for name in spoken if dotted.fullmatch(name)}
    names = {name for name in names if name.rpartition(".")[2] not in (*DATA_FILES, "py")}
    assert {name for name in names - SETTINGS if not exists(name)} == set()
    files = {name for name in spoken if re.fullmatch(r"[\w/]+\.py", name)}
    unknown = {name for name in files if not any(f"/{one}".endswith(f"/{name}") for one in tracked)}
    assert unknown == set()


def test_settings_that_the_glossary_names_exist() -> None:
    sections = {name.partition(".")[0] for name in SETTINGS if "." in name}
    named = {
        name
        for name in spoken_of("docs/glossary.md")
        if re.fullmatch(r"\w+\.\w+", name) and name.partition(".")[0] in sections
    }
    assert len(named) > 30
    assert named <= SETTINGS


class Requests(HTMLParser):
    """The addresses that a browser asks for without a click."""

    def __init__(self, page: Path):
        super().__init__()
        self.found: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        asks = values.get("src") or (values.get("href") if tag == "link" else None)
        self.found.add(asks or "")


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.is_file(), reason="MkDocs is not here: `make docs` installs it")
def test_the_site_is_built_and_asks_no_other_host(tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [PYTHON, "-m", "mkdocs", "build", "--strict", "--site-dir", site],
        cwd=PROJECT,
        check=True,
    )
    shown = [site / page.removesuffix(".md").removesuffix("README") for page in NAV]
    assert [page for page in shown if not (page / "index.html").is_file()] == []
    for page in site.rglob("*.html"):
        outside = {one for one in Requests(page).found if re.match(r"(https?:)?//", one)}
        assert not outside, page
    tasks = (site / "api/trainer/tasks/index.html").read_text(encoding="utf-8")
    assert 'id="trainer.tasks.gan.Gan.discriminator_step"' in tasks
    assert 'id="trainer.tasks.gan.Gan._update"' not in tasks
    architecture = (site / "docs/architecture/index.html").read_text(encoding="utf-8")
    assert "<svg" in architecture
    assert 'href="../../trainer/engine/loop.py/"' in architecture
    assert (site / "trainer/engine/loop.py/index.html").is_file()
