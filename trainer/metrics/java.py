"""METEOR and SPICE of English captions; they need Java and the package pycocoevalcap."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from trainer.metrics import tokens
from trainer.metrics.intervals import Estimate, bootstrap_mean
from trainer.metrics.tokens import Unavailable, load

# Both are Java programs: METEOR 1.5 (Denkowski and Lavie, Meteor universal, 2014) and SPICE
# (Anderson et al., SPICE: semantic propositional image caption evaluation, 2016).


_PACKAGE = "pycocoevalcap"
_CORENLP = "stanford-corenlp-3.6.0.jar"


@dataclass(frozen=True)
class JavaScores:
    """A program's scores of N captions.

    Attributes:
      corpus: the score of the whole corpus.
      per_image: float64 [N], the score of each caption.
    """

    corpus: float
    per_image: np.ndarray

    def interval(self, seed: int = 0) -> Estimate:
        """The corpus score with the bootstrap interval of the mean over pictures, shifted by the
        difference of the two: METEOR's corpus score is not the mean."""
        mean, low, high = bootstrap_mean(self.per_image, seed=seed)
        return Estimate(self.corpus, low + self.corpus - mean, high + self.corpus - mean)


class Program:
    """A Java program that scores captions; starting it is the slow part.

    Calls raise Unavailable if the program fails.
    """

    def __init__(self, purpose: str, start: Callable[[], Any]):
        self._purpose = purpose
        with _failures(purpose):
            self._scorer = start()

    def __call__(
        self, candidates: Sequence[str], references: Sequence[Sequence[str]]
    ) -> JavaScores:
        """Scores N English captions against one or more references each; tokenises both with
        `tokens.tokenise`."""
        said = {row: [_plain(text)] for row, text in enumerate(candidates)}
        asked = {row: [_plain(text) for text in texts] for row, texts in enumerate(references)}
        with _failures(self._purpose), self._unlocked():
            corpus, each = self._scorer.compute_score(asked, said)
        values = [one["All"]["f"] if isinstance(one, dict) else one for one in each]
        return JavaScores(float(corpus), np.array(values, np.float64))

    @contextlib.contextmanager
    def _unlocked(self) -> Iterator[None]:
        """Releases METEOR's lock, which a failure leaves locked: its destructor would wait for
        ever."""
        try:
            yield
        finally:
            lock = getattr(self._scorer, "lock", None)
            if lock is not None and lock.locked():
                lock.release()


def meteor() -> Program:
    """METEOR 1.5 for English.

    Raises:
      Unavailable: Java or pycocoevalcap is missing.
    """
    return Program("METEOR", _module("meteor.meteor", "METEOR").Meteor)


def spice() -> Program:
    """SPICE 1.0; a picture's score is its F-score, that of the corpus their mean.

    Raises:
      Unavailable: Java, pycocoevalcap or the parser that it downloads on demand is missing. A Java
        version that cannot run the program is detected only when it is called.
    """
    module = _module("spice.spice", "SPICE")
    library = Path(str(module.__file__)).parent / "lib"
    # Otherwise the package would download it in the middle of an evaluation.
    if not (library / _CORENLP).is_file():
        raise Unavailable(
            f"SPICE needs {_CORENLP} in {library}: python -c 'from {_PACKAGE}.spice."
            "get_stanford_models import get_stanford_models as get; get()'"
        )
    return Program("SPICE", module.Spice)


def _module(name: str, purpose: str) -> ModuleType:
    module = load(f"{_PACKAGE}.{name}", _PACKAGE, purpose)
    if shutil.which("java") is None:
        raise Unavailable(f"{purpose} needs Java: no program 'java' is on the PATH")
    return module


def _plain(text: str) -> str:
    return " ".join(tokens.tokenise(text))


@contextlib.contextmanager
def _failures(purpose: str) -> Iterator[None]:
    """Turns a failure of the program into Unavailable, and discards what it prints."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{purpose} failed in Java: {error or type(error).__name__}") from error
