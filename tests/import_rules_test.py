"""The rooms' rule, proved on every file: data <- trainer <- components <- pipeline.

Each rule is a function from parsed modules to the breaches it finds, in words; beside the one test
that runs them over the project stand tests that give each a source which breaks it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = ("data", "trainer", "components", "pipeline")
OUTSIDE = ("tests", "notebooks", "benchmarks", "setup", "pick", "make_env", "make_lock")
TFX = (
    "kfp",
    "ml_metadata",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tensorflow_transform",
    "tfx",
    "tfx_bsl",
)
WITHOUT_TFX = ("data", "trainer")
ENVIRONMENT = ("environ", "environb", "getenv", "putenv", "unsetenv")
# Modules that speak to a person at a terminal.
COMMAND_LINES = ("pipeline.cli", "pipeline.commands", "trainer.cli")


@dataclass(frozen=True)
class Module:
    """One source file of a room."""

    name: str
    is_package: bool
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.name.partition(".")[0]

    def within(self, names: tuple[str, ...]) -> bool:
        """Whether the module is one of `names` or lies in one of them."""
        return any(self.name == name or self.name.startswith(f"{name}.") for name in names)

    def imports(self) -> Iterator[tuple[str, int]]:
        """Full dotted names that the module imports, at whatever depth, and their lines.

        `from a.b import c` gives `a.b.c`, whether `c` is a module or a name in `a.b`.
        """
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)

    def _base(self, node: ast.ImportFrom) -> str:
        """What stands between `from` and `import`, with its dots resolved."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
        parts = parts[: len(parts) - node.level + 1]
        return ".".join([*parts, *([node.module] if node.module else [])])


Modules = Mapping[str, Module]
Rule = Callable[[Modules], list[str]]


def read_project() -> dict[str, Module]:
    """Every module of the four rooms, by name."""
    found = {}
    for room in ROOMS:
        for path in sorted((PROJECT / room).rglob("*.py")):
            parts = path.relative_to(PROJECT).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
            found[name] = Module(name, is_package, tree)
    return found


def imports_run_leftwards(modules: Modules) -> list[str]:
    """A room imports itself and the rooms to its left, and never tests or tools."""
    breaches = []
    for module in modules.values():
        forbidden = (*ROOMS[ROOMS.index(module.room) + 1 :], *OUTSIDE)
        for name, line in module.imports():
            if name.partition(".")[0] in forbidden:
                breaches.append(f"{module.name}:{line}: {module.room}/ may not import {name}")
    return breaches


def no_tfx_on_the_left(modules: Modules) -> list[str]:
    """data/ and trainer/ start in seconds, so they import nothing of TFX."""
    return [
        f"{module.name}:{line}: {module.room}/ may not import {name}"
        for module in modules.values()
        if module.room in WITHOUT_TFX
        for name, line in module.imports()
        if name.partition(".")[0] in TFX
    ]


def environment_in_pipeline_only(modules: Modules) -> list[str]:
    """Only pipeline/ reads or writes environment variables, but for the choice of kernels, which
    every process makes before it imports TensorFlow."""
    return [
        f"{module.name}:{line}: os.{name} outside pipeline/"
        for module in modules.values()
        if module.room != "pipeline" and module.name != "data.base.processor"
        for name, line in _names_of_os(module)
        if name in ENVIRONMENT
    ]


def _names_of_os(module: Module) -> Iterator[tuple[str, int]]:
    """What the module takes from `os`, by attribute or by import."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "os":
                yield node.attr, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from ((alias.name, node.lineno) for alias in node.names)


def no_cycles(modules: Modules) -> list[str]:
    """No module imports itself through others; an import inside a function counts too."""
    edges = {
        module.name: {_owner(name, modules) for name, _ in module.imports()} - {module.name, None}
        for module in modules.values()
    }
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return ["import cycle: " + " <- ".join(error.args[1])]
    return []


def _owner(name: str, modules: Modules) -> str | None:
    """The project's module that a dotted name stands for or lies in."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def print_in_command_lines_only(modules: Modules) -> list[str]:
    """Modules that others call say nothing by themselves: they log, return, or fill a stream."""
    return [
        f"{module.name}:{node.lineno}: print() outside a command line"
        for module in modules.values()
        if not module.within(COMMAND_LINES) and not _is_script(module)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and _prints_to_terminal(node)
    ]


def _is_script(module: Module) -> bool:
    """Whether the module can be run: it ends in `if __name__ == "__main__"`."""
    return any(
        isinstance(node, ast.If) and "__name__ == '__main__'" in ast.unparse(node.test)
        for node in module.tree.body
    )


def _prints_to_terminal(call: ast.Call) -> bool:
    """Whether it is a print() to standard output or error, not to a stream that was given."""
    if not (isinstance(call.func, ast.Name) and call.func.id == "print"):
        return False
    files = [ast.unparse(word.value) for word in call.keywords if word.arg == "file"]
    return not files or files[0].startswith("sys.")


RULES: tuple[Rule, ...] = (
    imports_run_leftwards,
    no_tfx_on_the_left,
    environment_in_pipeline_only,
    no_cycles,
    print_in_command_lines_only,
)


@pytest.fixture(scope="module")
def project() -> Modules:
    return read_project()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps(rule: Rule, project: Modules) -> None:
    assert rule(project) == []


def test_every_room_is_read(project: Modules) -> None:
    assert {module.room for module in project.values()} == set(ROOMS)
    assert "data.schema" in project
    assert project["data"].is_package


def sources(**files: str) -> dict[str, Module]:
    """Modules from sources; `__` in a keyword stands for a dot, `trainer__init` for a package."""
    modules = {}
    for key, source in files.items():
        is_package = key.endswith("__init")
        name = key.removesuffix("__init").replace("__", ".")
        modules[name] = Module(name, is_package, ast.parse(source))
    return modules


@pytest.mark.parametrize(
    ("rule", "files", "said"),
    [
        (
            imports_run_leftwards,
            {"data__a": "import trainer.engine.loop"},
            "may not import trainer.engine.loop",
        ),
        (
            imports_run_leftwards,
            {"trainer__a": "def f():\n    from pipeline import cli"},
            "trainer.a:2: trainer/ may not import pipeline.cli",
        ),
        (imports_run_leftwards, {"pipeline__a": "from tests import harness"}, "tests.harness"),
        (no_tfx_on_the_left, {"data__a": "import tensorflow_transform as tft"}, "transform"),
        (no_tfx_on_the_left, {"trainer__a": "from tfx import v1"}, "may not import tfx.v1"),
        (environment_in_pipeline_only, {"data__a": "import os\nos.environ['A']"}, "data.a:2: os."),
        (environment_in_pipeline_only, {"trainer__a": "from os import getenv"}, "os.getenv"),
        (environment_in_pipeline_only, {"components__a": "os.putenv('A', 'b')"}, "os.putenv"),
        (no_cycles, {"data__a": "from data import b", "data__b": "import data.a"}, "data.a"),
        (
            no_cycles,
            {"data__a": "def f():\n    from . import b", "data__b": "from .a import f"},
            "import cycle",
        ),
        (
            no_cycles,
            {"data__c__init": "from .a import x", "data__c__a": "from data.c import y"},
            "data.c",
        ),
        (print_in_command_lines_only, {"trainer__a": "print('hello')"}, "trainer.a:1: print()"),
        (print_in_command_lines_only, {"data__a": "print(1, file=sys.stderr)"}, "data.a:1"),
    ],
)
def test_a_rule_finds(rule: Rule, files: dict[str, str], said: str) -> None:
    breaches = rule(sources(**files))
    assert len(breaches) == 1
    assert said in breaches[0]


@pytest.mark.parametrize(
    ("rule", "files"),
    [
        (imports_run_leftwards, {"pipeline__a": "import data, trainer.engine.loop, components"}),
        (imports_run_leftwards, {"data__a": "import database, trainers"}),
        (no_tfx_on_the_left, {"components__a": "import tfx", "data__a": "import tfxlike"}),
        (environment_in_pipeline_only, {"pipeline__a": "import os\nos.environ['A']"}),
        (environment_in_pipeline_only, {"data__a": "import os\nos.replace('a', 'b')"}),
        (no_cycles, {"data__c__init": "", "data__c__a": "from . import b", "data__c__b": ""}),
        (print_in_command_lines_only, {"pipeline__cli": "print('hello')"}),
        (print_in_command_lines_only, {"pipeline__commands__run": "print('hello')"}),
        (print_in_command_lines_only, {"pipeline__a": "print(1, file=stream)"}),
        (
            print_in_command_lines_only,
            {"trainer__a": "print(1)\nif __name__ == '__main__':\n    main()"},
        ),
    ],
)
def test_a_rule_allows(rule: Rule, files: dict[str, str]) -> None:
    assert rule(sources(**files)) == []
