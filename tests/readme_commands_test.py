"""The commands of the README and of the pages in docs work as they stand there.

A ```bash block right under the comment `<!-- test: run -->` is run, from top to bottom of the page,
all in one empty folder. What a person waits for can be shortened for the test, in the comment:

    <!-- test: run; replace "--minutes 40" with "--smoke" -->

The folder of real data sets is `$TEST_DATA` there. Of the other blocks every `make` target must
exist, and every `tuwen` line must be one that the command line takes.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.cli import parser

PROJECT = Path(__file__).resolve().parents[1]
PAGES = [
    PROJECT / name
    for name in ("README.md", "CONTRIBUTING.md", "docs/your-data.md", "docs/serving.md")
]
FENCE = re.compile(
    r"(?:^<!-- test: run(?P<changes>[^\n]*?) -->\n\n?)?^```bash\n(?P<script>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
CHANGE = re.compile(r'; replace "([^"]+)" with "([^"]*)"')
TIME_LIMIT = 600


@dataclass(frozen=True)
class Block:
    """A fenced bash block: its text, and whether it is to be run after `changes`."""

    script: str
    is_run: bool
    changes: tuple[tuple[str, str], ...] = ()

    def in_short(self) -> str:
        """The script with the changes of its comment made; each must apply."""
        script = self.script
        for old, new in self.changes:
            assert old in script, f"the comment replaces {old!r}, which its block does not hold"
            script = script.replace(old, new)
        return script

    def lines(self) -> list[str]:
        """Its commands, without comments and with continued lines joined."""
        joined = self.script.replace("\\\n", " ")
        return [line.strip() for line in joined.splitlines() if line.strip()]


def blocks(page: str) -> list[Block]:
    """The bash blocks of a Markdown page, in order."""
    found = []
    for match in FENCE.finditer(page):
        changes = match["changes"]
        pairs = CHANGE.findall(changes or "")
        assert CHANGE.sub("", changes or "").strip() == "", f"cannot read the comment {changes!r}"
        found.append(Block(match["script"], changes is not None, tuple(pairs)))
    return found


BLOCKS = [block for page in PAGES for block in blocks(page.read_text(encoding="utf-8"))]
COMMANDS = [
    words for block in BLOCKS for line in block.lines() if (words := shlex.split(line, True))
]


def name(value: object) -> str | None:
    """A readable name for a parametrised case."""
    if isinstance(value, Block):
        return value.lines()[0]
    return " ".join(map(str, value)) if isinstance(value, list) else None


def test_the_page_shows_the_two_commands() -> None:
    assert ["make", "demo"] in COMMANDS
    assert ["make", "test"] in COMMANDS


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] == "make"], ids=name)
def test_make_knows_the_target(words: list[str]) -> None:
    subprocess.run([*words, "-n"], cwd=PROJECT, check=True, capture_output=True)


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] == "tuwen"], ids=name)
def test_the_command_line_takes(words: list[str]) -> None:
    if words[1:] != ["--help"]:
        parser().parse_args(words[1:])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one folder in which the page's blocks run."""
    return tmp_path_factory.mktemp("readme")


@pytest.mark.e2e
@pytest.mark.parametrize("block", [block for block in BLOCKS if block.is_run], ids=name)
def test_the_block_runs(block: Block, folder: Path, test_data: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "TEST_DATA": str(test_data)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.in_short()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{block.in_short()}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


SAMPLE = """# Page

```bash
make demo   # and more
tuwen run demo \\
  --minutes 3
```

<!-- test: run; replace "--minutes 40" with "--smoke"; replace "my-pictures" with "$TEST_DATA" -->
```bash
tuwen run fashion64 --data my-pictures --minutes 40
```

```python
import data
```

<!-- test: run -->

```bash
tuwen configs
```
"""


def test_blocks_and_their_changes_are_read() -> None:
    first, second, third = blocks(SAMPLE)
    assert [first.is_run, second.is_run, third.is_run] == [False, True, True]
    assert first.lines() == ["make demo   # and more", "tuwen run demo    --minutes 3"]
    assert second.in_short() == "tuwen run fashion64 --data $TEST_DATA --smoke\n"
    assert third.in_short() == "tuwen configs\n"


def test_a_change_that_does_not_apply_is_an_error() -> None:
    page = '<!-- test: run; replace "40" with "1" -->\n```bash\ntuwen configs\n```\n'
    with pytest.raises(AssertionError, match="replaces '40'"):
        blocks(page)[0].in_short()


@pytest.mark.parametrize("comment", ["; replace 40 with 1", "ning"])
def test_a_comment_that_cannot_be_read_is_an_error(comment: str) -> None:
    with pytest.raises(AssertionError, match="cannot read the comment"):
        blocks(f"<!-- test: run{comment} -->\n```bash\ntuwen configs\n```\n")


@pytest.mark.parametrize("line", ["tuwen runs demo", "tuwen run demo --minute-s 3"])
def test_a_line_that_the_command_line_does_not_take_is_found(line: str) -> None:
    with pytest.raises(SystemExit):
        test_the_command_line_takes(shlex.split(line))
