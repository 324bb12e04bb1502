"""What a run prints."""

import io

from pipeline.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_one_line_a_node_without_a_terminal():
    stream = io.StringIO()
    progress = Progress([f"n{i}" for i in range(12)], stream)
    progress.started("n2")
    progress.finished("n2", "cached", 0.04)
    assert stream.getvalue().split() == ["[", "3/12]", "n2", "cached", "0.0", "s"]
    assert stream.getvalue().count("\n") == 1


def test_a_terminal_sees_the_node_at_work():
    stream = Terminal()
    Progress(["only"], stream).started("only")
    assert stream.getvalue() == "[1/1] only ...\r"
