"""Every notebook runs from top to bottom, and is committed without what it printed."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
CELL_SECONDS = 600

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    """The cells of a notebook that Python runs."""
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def names_used(source: str) -> set[str]:
    """Attributes and imported names in a piece of source."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update(part for alias in node.names for part in alias.name.split("."))
            names.update((getattr(node, "module", None) or "").split("."))
    return names


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@each_notebook
def test_no_outputs_are_kept(path: Path) -> None:
    kept = [cell.id for cell in code_cells(path) if cell.outputs or cell.execution_count]
    assert not kept, f"{path.name}: clear the outputs of {', '.join(kept)}"


@each_notebook
def test_only_public_names_are_used(path: Path) -> None:
    names = set().union(*(names_used(cell.source) for cell in code_cells(path)))
    assert not [name for name in names if name.startswith("_")]


@pytest.mark.slow
@each_notebook
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python_path = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(python_path))
    for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "TMPDIR"):
        folder = tmp_path / variable
        folder.mkdir()
        monkeypatch.setenv(variable, str(folder))
    # TensorFlow's AutoGraph imports modules from there, and removes them without their byte code.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    notebook = nbformat.read(path, as_version=4)
    work = tmp_path / "work"
    work.mkdir()
    NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(work)}},
    ).execute()
    assert any(cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    left = [*work.iterdir(), *(tmp_path / "TMPDIR").iterdir()]
    assert not left, f"{path.name} leaves {', '.join(one.name for one in left)} behind"
