import re

import pytest

from trainer.metrics.tokens import MARKS, is_foreign_punctuation


@pytest.mark.parametrize("word", ["हिन्दी", "கோடு", "שָׁלוֹם", "می\u200cرود", "e\u0301"])
def test_a_word_with_marks_is_whole(word):
    assert re.fullmatch(rf"[\w{MARKS}]+", word)
    assert not re.fullmatch(r"\w+", word)


@pytest.mark.parametrize(
    "token,expected",
    [
        ("।", True),
        ("،", True),
        ("«", True),
        ("é", False),
        ("&", False),
        ("-", False),
        ("°", False),
        ("¿¡", False),
    ],
)
def test_foreign_punctuation(token, expected):
    assert is_foreign_punctuation(token) is expected
