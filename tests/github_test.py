"""Workflows, forms and hooks: what they name exists, and they agree with Makefile and locks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pick
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[1]
GITHUB = PROJECT / ".github"
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))
WORKFLOWS = {path.name: path for path in sorted((GITHUB / "workflows").glob("*.yml"))}
FORMS = [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"]
# glibc of the systems that jobs run on decides the stack.
GLIBC = {"ubuntu-22.04": (2, 35), "ubuntu-24.04": (2, 39)}


def read(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs(name: str) -> dict[str, dict[str, Any]]:
    return read(WORKFLOWS[name])["jobs"]


def steps() -> Iterator[dict[str, Any]]:
    for name in WORKFLOWS:
        for job in jobs(name).values():
            yield from job["steps"]


def made(commands: str) -> list[str]:
    """The targets of the lines of a script that call make."""
    lines = (shlex.split(line, True) for line in commands.splitlines())
    calls = (words[1:] for words in lines if words[:1] == ["make"])
    return [word for words in calls for word in words if "=" not in word and word[0] != "-"]


def test_workflows_are_those_that_the_project_needs() -> None:
    assert set(WORKFLOWS) == {"docker.yml", "docs.yml", "nightly.yml", "tests.yml"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_is_bounded(name: str) -> None:
    """It may read the source and no more, ends some time, and tells programs that it is CI."""
    workflow = read(WORKFLOWS[name])
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["env"]["CI"] == "true"
    for job in workflow["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 360


def test_only_the_site_is_published_and_only_from_main() -> None:
    """No other job may write anything, and this one runs no code of the repository."""
    own = {
        (name, job): values
        for name in WORKFLOWS
        for job, values in jobs(name).items()
        if "permissions" in values
    }
    assert set(own) == {("docs.yml", "deploy")}
    deploy = own["docs.yml", "deploy"]
    assert deploy["permissions"] == {"pages": "write", "id-token": "write"}
    assert deploy["if"].startswith("github.event_name == 'push' &&")
    # YAML reads the key `on` as true.
    assert read(WORKFLOWS["docs.yml"])[True]["push"] == {"branches": ["main"]}
    assert not [step for step in deploy["steps"] if "run" in step]


def test_every_target_that_a_workflow_makes_exists() -> None:
    targets = [target for step in steps() for target in made(step.get("run", ""))]
    assert {"lint", "env", "test", "demo", "docs"} <= set(targets) <= TARGETS


def test_actions_are_pinned_by_major_version() -> None:
    actions = [step["uses"] for step in steps() if "uses" in step]
    assert actions and all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in actions)


def test_no_script_takes_an_expression() -> None:
    """Text of an event would be run as a program."""
    assert not [step for step in steps() if "${{" in step.get("run", "")]


def test_both_stacks_are_tested_with_every_python_that_they_serve() -> None:
    matrix = jobs("tests.yml")["tests"]["strategy"]["matrix"]["include"]
    stacks = {stack.name: stack for stack in (pick.OLDER, pick.MODERN)}
    expected = {(name, pick.dotted(one)) for name, stack in stacks.items() for one in stack.pythons}
    assert {(row["stack"], row["python"]) for row in matrix} == expected
    assert len(matrix) == len(expected)


@pytest.mark.parametrize(("workflow", "job"), [("tests.yml", "tests"), ("nightly.yml", "demo")])
def test_a_system_has_the_stack_of_its_job(workflow: str, job: str) -> None:
    for row in jobs(workflow)[job]["strategy"]["matrix"]["include"]:
        stack = pick.stack_for(pick.Machine("Linux", "x86_64", GLIBC[row["system"]]))
        assert stack.name == row["stack"]
        assert row["python"] in map(pick.dotted, stack.pythons)


def test_hooks_run_what_make_lint_runs() -> None:
    (repository,) = read(PROJECT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    hooks = [hook["entry"].removeprefix(".venv/bin/").split()[:2] for hook in repository["hooks"]]
    recipe = MAKEFILE.partition("\nlint: env")[2].partition("\n\n")[0]
    lint = re.findall(r"@\$\(BIN\)/(\w+)(?: (\w+))?", recipe)
    assert hooks == [[word for word in command if word] for command in lint] != []


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_has_fields_of_their_own(path: Path) -> None:
    form = read(path)
    assert {"name", "description", "labels", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]
    assert len(ids) == len(set(ids)) and all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_the_forms_are_there() -> None:
    assert {path.stem for path in FORMS} == {"bug", "feature", "question"}
    (stack,) = (
        one for one in read(GITHUB / "ISSUE_TEMPLATE/bug.yml")["body"] if one.get("id") == "stack"
    )
    assert {pick.OLDER.name, pick.MODERN.name} <= set(stack["attributes"]["options"])


@pytest.mark.parametrize("page", ["SECURITY.md", "CODE_OF_CONDUCT.md"])
def test_pages_link_to_what_exists_and_name_no_mailbox(page: str) -> None:
    text = (PROJECT / page).read_text(encoding="utf-8")
    assert "@" not in text
    for path, _, anchor in re.findall(r"\]\(([^):#]+)(#([^)]+))?\)", text):
        target = (PROJECT / path).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
        assert not anchor or anchor in slugs
