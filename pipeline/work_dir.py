"""The layout of a run's work directory, its lock, and where pushed models are found."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError

MODELS = ("encoder", "captioner", "generator")
RUNS = Path("runs")
SMOKE = "-smoke"
JUDGE_NODE = "Trainer.judge"


@dataclass(frozen=True)
class WorkDir:
    """Paths inside one run's directory; nothing is made before it is needed."""

    root: Path

    @property
    def pipeline_root(self) -> Path:
        return self.root / "pipeline_root"

    @property
    def metadata(self) -> Path:
        return self.root / "metadata.db"

    @property
    def serving(self) -> Path:
        return self.root / "serving"

    @property
    def report(self) -> Path:
        return self.root / "report" / "index.html"

    @property
    def report_data(self) -> Path:
        """The report's content as JSON."""
        return self.root / "report" / "report.json"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.json"

    @property
    def settings(self) -> Path:
        return self.root / "settings.yaml"

    @property
    def log(self) -> Path:
        return self.root / "logs" / "run.log"

    @property
    def training(self) -> Path:
        return self.root / "training"

    @property
    def pretraining(self) -> WorkDir:
        """The run whose models this one starts from, if its settings have it run first."""
        return WorkDir(self.root / "pretraining")

    @property
    def features(self) -> Path:
        """Features of real pictures, between evaluations."""
        return self.root / "features"

    @property
    def last_data(self) -> Path:
        """What the last runs that pushed said of their data, where no metadata can be asked."""
        return self.root / "last_data"

    @property
    def models(self) -> Path:
        """Where `tuwen train` exports, beside what the pipeline pushes."""
        return self.root / "models"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the directory for this process; the lock ends with the process, however it ends.

        Raises:
          UsageError: another live process holds it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / ".lock", "a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise UsageError(
                    f"{self.root} is in use by {file.read().strip() or 'another run'}. "
                    "Wait for it, or choose another directory with --work."
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()}, started {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            file.flush()
            yield


def default_work_dir(name: str) -> WorkDir:
    """Returns `runs/<name>` under the current directory."""
    return WorkDir(RUNS / name)


def is_model(directory: Path) -> bool:
    """Tells whether `directory` is a SavedModel."""
    return (directory / "saved_model.pb").is_file()


def newest_version(base: Path) -> Path | None:
    """Returns the SavedModel of the highest integer version under `base`, if there is one."""
    found = versions_of(base)
    return found[max(found)] if found else None


def versions_of(base: Path) -> dict[int, Path]:
    """Returns the SavedModels under `base` by version, the newest last."""
    entries = (item for item in _entries(base) if item.name.isdecimal() and is_model(item))
    return dict(sorted((int(item.name), item) for item in entries))


def find_model(model: str, given: str | None = None) -> Path:
    """Returns the SavedModel directory that a command shall use.

    Args:
      model: one of `MODELS`.
      given: a SavedModel, a directory of versions, a `serving` directory or a work directory;
        None takes the last pushed model of the newest run under `runs/`.

    Raises:
      UsageError: there is none; the message says how to make one.
    """
    if given is None:
        return _last_pushed(model)
    base = Path(given)
    if not base.is_dir():
        raise UsageError(f"--model {given}: no such directory")
    if is_model(base):
        return base
    for place in (base, base / model, base / "serving" / model):
        if found := newest_version(place):
            return found
    for place in (base / model, base / "models" / model):
        if is_model(place):
            return place
    raise UsageError(
        f"--model {given}: holds no {model}. Give a SavedModel, its directory of versions, "
        "or the work directory of a run"
    )


def find_judge(run: WorkDir) -> Path | None:
    """Returns the encoder that a run trained to judge by, if it did."""
    models = run.pipeline_root / JUDGE_NODE / "model"
    found = [item / "Format-Serving" for item in _entries(models) if item.name.isdecimal()]
    trained = [item for item in found if is_model(item)]
    return max(trained, key=lambda item: int(item.parent.name), default=None)


def newest_run() -> WorkDir | None:
    """Returns the run under `runs/` that was written to last; smoke runs only without others."""
    runs = [WorkDir(item) for item in _entries(RUNS) if (item / "metadata.db").is_file()]
    return max(runs, key=lambda run: (_real(run.root), _modified(run.metadata)), default=None)


def _last_pushed(model: str) -> Path:
    found = [
        (_real(run), int(version.name), version)
        for run in _entries(RUNS)
        if (version := newest_version(run / "serving" / model))
    ]
    if not found:
        raise UsageError(
            f"no pushed {model} under {RUNS}/. Make one with 'tuwen run demo', "
            "or name a model with --model DIR"
        )
    return max(found)[2]


def _real(run: Path) -> bool:
    return not run.name.endswith(SMOKE)


def _modified(path: Path) -> float:
    return path.stat().st_mtime


def _entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []
