"""What YAML of settings may hold, and the line that each mistake is on."""

import functools
import itertools

import pytest

from trainer.yaml_values import DEPTH, VALUES, YamlError, load, load_all


def grown(levels, width):
    """Each line repeats the one before it `width` times."""
    names = [f"a{level}" for level in range(levels)]
    lines = [f"{names[0]}: &{names[0]} [{', '.join('1' * width)}]"]
    for before, name in itertools.pairwise(names):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * width)}]")
    return "\n".join(lines)


def nested(opening, closing):
    """A number within as many levels as are allowed, itself the innermost."""
    return opening * (DEPTH - 1) + "1" + closing * (DEPTH - 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("a: &a [1, 2]\nb: *a", {"a": [1, 2], "b": [1, 2]}),
        (
            "a: &a {x: 1}\nb: &b\n  <<: *a\n  x: 2\nc:\n  <<: *b",
            {
                "a": {"x": 1},
                "b": {"x": 2},
                "c": {"x": 2},
            },
        ),
        ("a: {x: 1}\nb: {x: 1}", {"a": {"x": 1}, "b": {"x": 1}}),
        (f"a: {2**63 - 1}", {"a": 2**63 - 1}),
        (nested("[", "]"), functools.reduce(lambda inner, _: [inner], range(DEPTH - 1), 1)),
    ],
)
def test_what_people_write_is_read(text, value):
    assert load(text) == value


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        (grown(9, 9), 5, "values"),
        (grown(DEPTH + 5, 1), DEPTH - 1, "levels"),
        ("a:\n  - &x\n    - *x", 3, "within itself"),
        ("\na: " + "[" * 50_000, 2, "levels"),
        ("\n".join(" " * level + "a:" for level in range(DEPTH + 5)), DEPTH, "levels"),
        ("a: [" + "1," * VALUES + "]", 1, "values"),
        ("a: 1\nb: " + "9" * 5000, 2, "int"),
        ("a: 1\nb: 0x" + "f" * 5000, 2, "64 bits"),
        (f"a: {2**63}", 1, "64 bits"),
        ("a: " + ":".join(["1"] * 3000), 1, "64 bits"),
        ("a: 1\nb:\n  c: 1\n  c: 2", 4, "'c' stands here twice"),
        ("a: 1\na: 1", 2, "'a' stands here twice"),
        ("- {a: 1, a: 2}", 1, "'a' stands here twice"),
        ("a: 2024-13-45", 1, "timestamp"),
        ("a: !!bool maybe", 1, "bool"),
        ("a: !!int ''", 1, "int"),
        ('a: "\\ud800"', 1, "surrogate"),
        ('a: 1\nb: "\x00"', 2, "not allowed"),
        ("a: !!python/object:os.system 1", 1, "tag"),
        ("a: 1\n---\nb: 1", 2, "another document"),
        ("a: *b", 1, "undefined alias"),
        ("a:\n\tb: 1", 2, "cannot start"),
        ("{[1]: 2}", 1, "unhashable"),
        ("a: [1", 1, "flow sequence"),
    ],
)
def test_what_is_refused_names_its_line(text, line, word):
    with pytest.raises(YamlError, match=word) as caught:
        load(text)
    assert caught.value.line == line
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_several_documents_are_read_where_they_are_wanted():
    assert load_all("a: 1\n---\nb: 2") == [{"a": 1}, {"b": 2}]
    with pytest.raises(YamlError, match="twice"):
        load_all("a: 1\n---\nb: 2\nb: 3")
