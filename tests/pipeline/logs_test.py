"""Where messages go while a run is at work."""

import logging
import os
import subprocess
import sys
import warnings

from pipeline.processes import adopt_loggers, logs_to


def test_messages_of_every_kind_go_to_the_file(tmp_path, capfd):
    log = tmp_path / "logs" / "run.log"
    noisy = logging.getLogger("noisy")
    noisy.addHandler(logging.StreamHandler(sys.__stderr__))
    noisy.propagate = False
    with logs_to(log):
        adopt_loggers()
        noisy.warning("from a library")
        warnings.warn("a warning", stacklevel=1)
        os.write(2, b"from native code\n")
        subprocess.run([sys.executable, "-c", "import os; os.write(2, b'a child\\n')"], check=True)
        print("for people", file=sys.stderr)
    text = log.read_text()
    shown = capfd.readouterr()
    for message in ("from a library", "a warning", "from native code", "a child"):
        assert message in text
        assert message not in shown.err
    assert "for people" in shown.err
    assert "for people" not in text


def test_everything_is_as_before_afterwards(tmp_path, capfd):
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.stderr)
    with logs_to(tmp_path / "run.log"):
        pass
    assert (root.handlers, root.level, sys.stderr) == before
    os.write(2, b"after\n")
    assert "after" in capfd.readouterr().err


def test_a_second_run_appends(tmp_path):
    for message in ("first", "second"):
        with logs_to(tmp_path / "run.log"):
            logging.getLogger("x").error(message)
    text = (tmp_path / "run.log").read_text()
    assert "first" in text
    assert "second" in text
