"""METEOR and SPICE: what they say where they run, and why they are missing where they do not."""

import json
import shutil
import sys
import threading
from types import ModuleType

import numpy as np
import pytest

from trainer.metrics import java
from trainer.metrics.tokens import Unavailable

SAID, ASKED = ["A dog runs.", "a cat"], [["A dog is running!"], ["The cat", "a black cat"]]


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Puts a scorer of given behaviour in the place of pycocoevalcap's, and Java on the PATH."""

    def put(compute_score):
        scorer = type("Scorer", (), {"compute_score": staticmethod(compute_score)})
        monkeypatch.setitem(sys.modules, "pycocoevalcap", ModuleType("pycocoevalcap"))
        for name, kind in (("meteor", "Meteor"), ("spice", "Spice")):
            inner = ModuleType(f"pycocoevalcap.{name}.{name}")
            inner.__file__ = str(tmp_path / name / f"{name}.py")
            setattr(inner, kind, scorer)
            monkeypatch.setitem(sys.modules, f"pycocoevalcap.{name}", ModuleType(name))
            monkeypatch.setitem(sys.modules, inner.__name__, inner)
        monkeypatch.setattr(shutil, "which", lambda program: f"/bin/{program}")

    return put


def test_captions_are_tokenised_and_kept_in_order(installed):
    seen = []

    def compute_score(references, candidates):
        seen.append((references, candidates))
        print("noise of the program")
        return 0.4, [0.25, 0.75]

    installed(compute_score)
    found = java.meteor()(SAID, ASKED)
    assert seen == [
        (
            {0: ["a dog is running"], 1: ["the cat", "a black cat"]},
            {0: ["a dog runs"], 1: ["a cat"]},
        )
    ]
    assert found.corpus == 0.4
    np.testing.assert_array_equal(found.per_image, [0.25, 0.75])


def test_nothing_is_printed(installed, capsys):
    installed(lambda *_: (print("noise"), (0.1, [0.1, 0.1]))[1])
    java.meteor()(SAID, ASKED)
    assert capsys.readouterr().out == ""


def test_the_interval_surrounds_the_corpus_figure_not_the_mean():
    found = java.JavaScores(0.4, np.tile([0.2, 0.8], 100)).interval()
    assert found.value == 0.4
    assert found.low == pytest.approx(0.4 - 0.042, abs=0.01)
    assert found.high == pytest.approx(0.4 + 0.042, abs=0.01)


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocoevalcap", None)
    with pytest.raises(Unavailable, match=r"METEOR needs the package pycocoevalcap.*\[captions\]"):
        java.meteor()(SAID, ASKED)


def test_without_java_it_is_named(installed, monkeypatch):
    installed(lambda *_: (0.1, [0.1, 0.1]))
    monkeypatch.setattr(shutil, "which", lambda program: None)
    for scorer in (java.meteor, java.spice):
        with pytest.raises(Unavailable, match="needs Java"):
            scorer()


def test_a_program_that_fails_is_no_zero(installed):
    def dies(*_):
        raise BrokenPipeError("the pipe is broken")

    installed(dies)
    with pytest.raises(Unavailable, match=r"METEOR failed in Java: .*the pipe is broken"):
        java.meteor()(SAID, ASKED)


def test_a_failure_leaves_no_lock_that_the_end_would_wait_for(installed):
    lock = threading.Lock()

    def dies(*_):
        lock.acquire()
        raise ValueError("no number")

    installed(dies)
    sys.modules["pycocoevalcap.meteor.meteor"].Meteor.lock = lock
    with pytest.raises(Unavailable, match="no number"):
        java.meteor()(SAID, ASKED)
    assert not lock.locked()


def test_spice_fetches_nothing_by_itself(installed, tmp_path):
    installed(lambda *_: (0.3, [{"All": {"f": 0.2}}, {"All": {"f": 0.4}}]))
    with pytest.raises(Unavailable, match=r"stanford-corenlp.*get_stanford_models"):
        java.spice()(SAID, ASKED)
    (tmp_path / "spice" / "lib").mkdir(parents=True)
    (tmp_path / "spice" / "lib" / "stanford-corenlp-3.6.0.jar").touch()
    found = java.spice()(SAID, ASKED)
    assert found.corpus == 0.3
    np.testing.assert_array_equal(found.per_image, [0.2, 0.4])


def test_meteor_equals_published_figures(test_data):
    pytest.importorskip("pycocoevalcap", reason="the extra 'captions' is not installed")
    if shutil.which("java") is None:
        pytest.skip("there is no Java")
    path = test_data / "caption-metrics" / "nlgeval_small.json"
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    scorer = java.meteor()
    # The others are not English.
    for case in cases[:2]:
        found = scorer(case["candidates"], case["references"])
        assert found.corpus == pytest.approx(case["expected_published"]["METEOR"], abs=1e-5)
