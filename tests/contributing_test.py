"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the source.

A recipe is a section below `## Recipes`: git applies its ```diff blocks, then the commands of its
```bash blocks are run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data.scenes import as_captioned_images

PROJECT = Path(__file__).resolve().parents[1]
PAGE = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROOMS = ("data", "trainer", "components", "pipeline")
NEEDED = (*ROOMS, "tests", "benchmarks", "requirements", "setup.py", "pyproject.toml")
MOST_FILES = 3
TIME_LIMIT = 900


def recipes(page: str) -> dict[str, str]:
    """The text of each recipe by its title."""
    parts = re.split(r"^### (.+)\n", page.partition("\n## Recipes\n")[2], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def fenced(text: str, language: str) -> str:
    """What the fenced blocks of a language hold, one after the other."""
    return "".join(re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


RECIPES = recipes(PAGE)


def apply(diff: str, folder: Path) -> None:
    """Has git apply `diff` in `folder`, which belongs to no repository."""
    alone = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(
        ["git", "apply", "-"],
        cwd=folder,
        env=alone,
        input=diff,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the source, and in it the folder of captioned pictures that a recipe names."""
    root = tmp_path / "copy"
    for name in NEEDED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root)
    flowers = root / "flowers"
    flowers.mkdir()
    for number, scene in enumerate(as_captioned_images(100, 32, seed=0)):
        (flowers / f"{number}.png").write_bytes(scene.encoded)
        # A list in JSON is one in YAML, too.
        record = {"image": f"{number}.png", "captions": list(scene.captions)}
        with (flowers / "captions.yaml").open("a", encoding="utf-8") as file:
            file.write(f"- {json.dumps(record, ensure_ascii=False)}\n")
    return root


def test_there_is_a_recipe_for_each_kind() -> None:
    words = [title.split()[-1] for title in RECIPES]
    assert words == ["loss", "architecture", "source", "metric"]


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_touches_few_files(title: str) -> None:
    touched = re.findall(r"^\+\+\+ b/(\S+)$", fenced(RECIPES[title], "diff"), re.MULTILINE)
    assert 1 <= len(touched) == len(set(touched)) <= MOST_FILES


@pytest.mark.slow
@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_works(title: str, copy: Path) -> None:
    apply(fenced(RECIPES[title], "diff"), copy)
    binaries = Path(sys.executable).parent
    # The installed `tuwen` is to run the copy.
    environment = {
        **os.environ,
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PYTHONPATH": str(copy),
        "PYTEST_ADDOPTS": "-q -p no:cacheprovider -p no:xdist",
    }
    commands = fenced(RECIPES[title], "bash")
    lint = f"ruff check --no-cache .\nruff format --no-cache --check .\n{commands}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lint],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    assert "python -m pytest" in commands


def test_recipes_can_be_taken_together(copy: Path) -> None:
    for text in RECIPES.values():
        apply(fenced(text, "diff"), copy)


def test_a_diff_that_does_not_fit_is_found(copy: Path) -> None:
    diff = fenced(RECIPES["Add an adversarial loss"], "diff").replace('"relativistic",', '"gone",')
    with pytest.raises(AssertionError, match="does not apply"):
        apply(diff, copy)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)[^):]*\)", PAGE))))
def test_linked_files_exist(link: str) -> None:
    assert (PROJECT / link).exists()
