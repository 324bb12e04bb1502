"""Reads YAML files of settings, and rejects content that is almost certainly a mistake.

PyYAML silently takes the last of two equal keys, expands aliases without a limit on depth or size,
and raises exceptions without a line number for numbers and dates that Python cannot represent.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml

# Maximum depth and number of values: more than settings need, and small enough for recursion.
DEPTH, VALUES = 30, 20_000
_WHOLE = 2**63
_LETTERS = 160
_SURROGATE = re.compile("[\ud800-\udfff]")


class YamlError(ValueError):
    """Text that is not YAML or exceeds a limit.

    Attributes:
      line: number of the line, from 1.
      problem: what is wrong.
    """

    def __init__(self, line: int, problem: str):
        self.line, self.problem = line, problem[:_LETTERS]
        super().__init__(f"line {line}: {self.problem}")


def load(text: str) -> Any:
    """Returns the value of one YAML document, None for an empty one; raises YamlError."""
    found = load_all(text, at_most=1)
    return found[0] if found else None


def load_all(text: str, at_most: int | None = None) -> list[Any]:
    """Returns the values of all documents in `text`; raises YamlError, also for more than
    `at_most`."""
    loader = None
    try:
        # The constructor already reads the first characters, so it can fail.
        loader = _Loader(text)
        found: list[Any] = []
        while loader.check_data():
            if at_most is not None and len(found) == at_most:
                _refuse("another document begins here", loader.peek_event())
            found.append(loader.get_data())
        return found
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"the character {chr(error.character)!a} is not allowed"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = " ".join(f"{error.context or ''} {error.problem or ''}".split())
    finally:
        if loader is not None:
            loader.dispose()
    raise YamlError(line, problem)


class _Loader(yaml.SafeLoader):
    """Counts values and levels while nodes are composed; an alias counts as its expansion."""

    def __init__(self, text: str):
        super().__init__(text)
        self._values = 0
        # Levels below each node that is being composed, outermost first.
        self._open: list[int] = []
        # Numbers of values and levels of each node with an anchor.
        self._anchored: dict[str, tuple[int, int]] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) and event.anchor is not None:
            if event.anchor in self.anchors and event.anchor not in self._anchored:
                _refuse(f"*{event.anchor} stands within itself", event)
            values, levels = self._anchored.get(event.anchor, (0, 0))
            self._values += values
            self._require_bounds(len(self._open) + levels, event)
            node = super().compose_node(parent, index)
        else:
            self._values += 1
            before = self._values
            self._open.append(0)
            self._require_bounds(len(self._open), event)
            node = super().compose_node(parent, index)
            levels = 1 + self._open.pop()
            if event.anchor is not None:
                self._anchored[event.anchor] = 1 + self._values - before, levels
        if self._open:
            self._open[-1] = max(self._open[-1], levels)
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                _refuse(f"the key '{key.value}' stands here twice", key)
            if name is not None and key.tag != "tag:yaml.org,2002:merge":
                seen.add(name)
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except Exception as error:
            # PyYAML's constructors do not catch exceptions of Python's own.
            kind = node.tag.rpartition(":")[2]
            _refuse(f"{str(node.value)[:40]!r} cannot be read as {kind} ({error})", node)
        if isinstance(value, int) and not -_WHOLE <= value < _WHOLE:
            _refuse("a whole number has 64 bits at most", node)
        if isinstance(value, str) and _SURROGATE.search(value):
            _refuse("half a surrogate pair is no character", node)
        return value

    def _require_bounds(self, depth: int, event: Any) -> None:
        if depth > DEPTH:
            _refuse(f"more than {DEPTH} levels, aliases included", event)
        if self._values > VALUES:
            _refuse(f"more than {VALUES:,} values, aliases included", event)


def _refuse(problem: str, where: Any) -> NoReturn:
    raise yaml.constructor.ConstructorError(None, None, problem, where.start_mark)
