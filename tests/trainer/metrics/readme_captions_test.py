"""The examples of captions on the page of the metrics print what stands there."""

import doctest
import re
from pathlib import Path

import trainer.metrics

PAGE = Path(trainer.metrics.__file__).with_name("README.md")


def test_examples_of_the_page_hold():
    blocks = re.findall(r"^```pycon\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    text = "\n".join(blocks)
    examples = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    assert len(examples.examples) > 10
    said: list[str] = []
    found = doctest.DocTestRunner().run(examples, out=said.append)
    assert not found.failed, "".join(said)
