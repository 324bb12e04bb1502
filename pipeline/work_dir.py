"""The layout of a run's work directory, its lock, and the models in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError
from trainer.export.layout import SAVED_MODEL

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

    def trained(self, node: str) -> dict[int, Path]:
        """Returns the SavedModels of the Trainer `node` by execution, the newest last."""
        found = {
            int(item.name): item / "Format-Serving"
            for item in entries(self.pipeline_root / node / "model")
            if item.name.isdecimal()
        }
        return {number: found[number] for number in sorted(found) if is_model(found[number])}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the directory for this process; the lock ends with the process, however it ends.

        Raises:
          UsageError: another live process holds it, or it is a file.
        """
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"{self.root} is a file, and --work names a directory")
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self._lock, "a+", encoding="utf-8") as file:
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

    def holder(self) -> str:
        """Returns which live process holds the directory, in words, or "" where none does."""
        if not self._lock.is_file():
            return ""
        with open(self._lock, encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "another run"
        return ""

    @property
    def _lock(self) -> Path:
        return self.root / ".lock"


def default_work_dir(name: str) -> WorkDir:
    """Returns `runs/<name>` under the current directory."""
    return WorkDir(RUNS / name)


def is_model(directory: Path) -> bool:
    """Tells whether `directory` is a SavedModel."""
    return (directory / SAVED_MODEL).is_file()


def newest_version(base: Path) -> Path | None:
    """Returns the SavedModel of the highest integer version under `base`, if there is one."""
    found = versions_of(base)
    return found[max(found)] if found else None


def versions_of(base: Path) -> dict[int, Path]:
    """Returns the SavedModels under `base` by version, the newest last."""
    found = (item for item in entries(base) if item.name.isdecimal() and is_model(item))
    return dict(sorted((int(item.name), item) for item in found))


def entries(directory: Path) -> list[Path]:
    """Returns what lies in `directory`, sorted by path; nothing where it is not there."""
    return sorted(directory.iterdir()) if directory.is_dir() else []
