"""The few lines that a person gets of a deep error."""

import pytest

from data.base.errors import DataError
from pipeline.errors import reason

BEAM_TRACE = """Traceback (most recent call last):
  File "x.py", line 1, in process
    boom()
data.base.errors.DataError: captions.jsonl:3: bad. Fix it.

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "y.py", line 2, in run
data.base.errors.DataError: captions.jsonl:3: bad. Fix it. [while running 'Read/Load']
"""


def raised(error, cause=None, context=None):
    with pytest.raises(type(error)) as caught:
        if context:
            try:
                raise context
            except type(context):
                raise error  # noqa: B904
        raise error from cause
    return caught.value


def test_the_message_for_people_is_found_below():
    said = DataError("a.csv:3", "bad", "Fix it.")
    assert reason(raised(RuntimeError("outer"), cause=said)) == "a.csv:3: bad. Fix it."
    assert reason(raised(RuntimeError("outer"), context=said)) == "a.csv:3: bad. Fix it."


def test_the_last_line_of_a_workers_trace():
    got = reason(raised(RuntimeError(BEAM_TRACE)))
    assert got == "data.base.errors.DataError: captions.jsonl:3: bad. Fix it."


def test_the_first_cause_of_other_errors_with_its_type():
    got = reason(raised(RuntimeError("outer"), cause=KeyError("column")))
    assert got == "KeyError: 'column'"


def test_long_messages_are_cut():
    got = reason(raised(ValueError("\n".join(f"line {i}" for i in range(50)))))
    assert got.startswith("ValueError: line 0")
    assert len(got.splitlines()) < 12


def test_an_error_without_a_message():
    assert reason(raised(ZeroDivisionError())) == "ZeroDivisionError: ZeroDivisionError()"
