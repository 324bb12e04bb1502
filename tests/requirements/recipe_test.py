"""The Dockerfile as the builder without a container engine reads it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import image
import pytest
import recipe
from recipe import Instruction, RecipeError, read

PROJECT = Path(__file__).resolve().parents[2]
SMALL = """
# A comment
ARG BASE=debian
FROM ${BASE}:x AS build
ARG GPU=
RUN make \\
    # another
    all GPU="$GPU"
FROM debian:x
ENV PATH=/v:$PATH A=1
WORKDIR /opt
COPY --from=build /v v
USER me
ENTRYPOINT ["a", "b"]
"""


def test_stages_hold_their_instructions_with_lines_joined() -> None:
    first, last = read(SMALL)
    assert (first.name, first.base, last.name) == ("build", "debian:x", "1")
    (run,) = first.steps
    assert (run.line, run.name, run.text) == (6, "RUN", "export GPU=''; make all GPU=\"$GPU\"")
    assert [step.name for step in last.steps] == ["ENV", "WORKDIR", "COPY", "USER", "ENTRYPOINT"]
    assert last.steps[0].text == "PATH=/v:$PATH A=1"
    assert recipe.words(last.steps[-1]) == ["a", "b"]


def test_build_arguments_take_the_place_of_defaults() -> None:
    (stage, _) = read(SMALL, {"GPU": "1", "BASE": "other"})
    assert stage.base == "other:x"
    assert stage.steps[0].text.startswith("export GPU=1; ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM a\nADD b c", "line 2: ADD is not known"),
        ("RUN a", "line 1: RUN before the first FROM"),
        ("FROM a\nCOPY $b c", "line 2: no ARG gives $b"),
        ("FROM a b c", "line 1: write it as FROM"),
    ],
)
def test_what_is_not_known_is_refused(text: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said.replace("$", r"\$")):
        read(text)


def test_words_must_be_json_and_pairs_unquoted() -> None:
    with pytest.raises(RecipeError, match="line 3"):
        recipe.words(Instruction(3, "CMD", "tuwen --help"))
    with pytest.raises(RecipeError, match="line 4"):
        recipe.pairs(Instruction(4, "ENV", 'A="b c"'))


def test_the_recipe_itself_is_known_and_ends_as_a_plain_user() -> None:
    build, last = read((PROJECT / "Dockerfile").read_text(encoding="utf-8"))
    assert build.base == last.base == image.IMAGE
    users = [step.text for step in last.steps if step.name == "USER"]
    assert users == ["tuwen"]
    for step in build.steps:
        if step.name == "COPY":
            assert all((PROJECT / name).exists() for name in step.text.split()[:-1])


@pytest.fixture
def root(tmp_path: Path) -> image.Root:
    return image.Root(tmp_path / "root")


def carry_out(text: str, root: image.Root, roots: dict[str, image.Root] | None = None) -> None:
    for step in read(f"FROM x\n{text}")[0].steps:
        image.carry_out(step, root, roots or {}, {})


def test_files_are_copied_from_the_project_and_from_a_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: image.Root
) -> None:
    (tmp_path / "data/inner").mkdir(parents=True)
    (tmp_path / "data/inner/script").write_text("x")
    (tmp_path / "data/inner/script").chmod(0o755)
    (tmp_path / "Makefile").write_text("m")
    monkeypatch.setattr(image, "PROJECT", tmp_path)
    carry_out("WORKDIR /opt/tuwen\nCOPY Makefile ./\nCOPY data data", root)
    copied = root.place / "opt/tuwen/data/inner/script"
    assert copied.stat().st_mode & stat.S_IXUSR
    assert (root.place / "opt/tuwen/Makefile").read_text() == "m"
    last = image.Root(tmp_path / "last")
    carry_out("COPY --from=build /opt/tuwen /opt/tuwen", last, {"build": root})
    assert (last.place / "opt/tuwen/data/inner/script").is_file()
    with pytest.raises(image.BuildError, match="line 2: COPY: there is no nothing"):
        carry_out("COPY nothing ./", root)


def test_variables_user_and_command_are_kept(root: image.Root) -> None:
    carry_out('ENV PATH=/v:$PATH\nUSER me\nENTRYPOINT ["t"]\nCMD ["--help"]', root)
    assert root.environment["PATH"] == f"/v:{image.PATH}"
    assert (root.user, root.entry, root.command) == ("me", ["t"], ["--help"])


def test_a_command_that_fails_ends_the_build(
    root: image.Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(image, "shell", lambda *_: None)
    monkeypatch.setattr(image, "run_inside", lambda _, argv, extra: asked.append(argv) or 1)
    with pytest.raises(image.BuildError, match="line 2: RUN make env failed"):
        carry_out("RUN make env", root)
    assert asked == [["/bin/sh", "-c", "make env"]]


def test_the_library_of_roots_passes_indexes_on_and_no_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.com")
    monkeypatch.setenv("UV_CACHE_DIR", "/somewhere")
    found = image.settings()
    assert found["PIP_INDEX_URL"] == "https://index.example.com"
    assert "UV_CACHE_DIR" not in found
    assert "HOME" in os.environ and "HOME" not in found
