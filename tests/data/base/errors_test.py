"""What other people's names may do to a terminal, and what they may not."""

import pytest

from data.base.errors import DataError
from data.base.terminal import printable, printable_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("圆形 é 😀 a b.png", "圆形 é 😀 a b.png"),
        ("\x1b]0;title\x07\x7f\r\n\t", "\\x1b]0;title\\x07\\x7f\\x0d\\x0a\\x09"),
        ("\x9b2J", "\\x9b2J"),
        ("gpj.\u202eexe\u2066\u2028", "gpj.\\u202eexe\\u2066\\u2028"),
        ("\udcff", "\\udcff"),
    ],
)
def test_characters_that_steer_a_terminal_become_escapes(text, shown):
    assert printable(text) == shown and printable(shown) == shown


def test_lines_of_a_message_stay_and_a_place_is_one_line():
    assert printable_lines("a\n\x1bb\n") == "a\n\\x1bb\n"
    error = DataError("a\nSTOPS\x1b.csv", "bad\x07", "Mend it.")
    assert str(error) == "a\\x0aSTOPS\\x1b.csv: bad\\x07. Mend it."
    assert error.where == "a\nSTOPS\x1b.csv"
