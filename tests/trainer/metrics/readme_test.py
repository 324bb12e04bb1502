"""The page of the metrics says nothing that does not run."""

import re
from pathlib import Path

import pytest

from trainer import metrics

PAGE = (Path(metrics.__file__).parent / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example):
    exec(compile(example, "README.md", "exec"), {})


def test_there_are_examples():
    assert len(EXAMPLES) == 2
