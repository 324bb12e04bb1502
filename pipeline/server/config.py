"""Which models and versions are served, and what requests may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.model_lookup import ModelNotFound
from pipeline.outcomes import outcome, traces
from pipeline.work_dir import MODELS, WorkDir, newest_version, versions_of

if TYPE_CHECKING:
    from tensorflow_serving.config import model_server_config_pb2 as config_pb2


STABLE, CANARY = "stable", "canary"


@dataclass(frozen=True)
class Limits:
    """Limits of a model server.

    Attributes:
      body_bytes: a request may have, after gzip is undone, and one of its tensors may take.
      rows: a tensor of a batch may have.
      values: JSON of a request may have, counted by its commas and opening brackets.
      seconds: a request may take, its wait for other requests included.
      running: requests that are worked on at a time; None: one for each core.
      waiting: further requests that may wait for their turn.
      connections: of REST and of gRPC, each.
      idle_seconds: a connection without a request stays open.
    """

    body_bytes: int = 64 * 2**20
    rows: int = 1024
    values: int = 4 * 2**20
    seconds: float = 60.0
    running: int | None = None
    waiting: int = 64
    connections: int = 256
    idle_seconds: float = 60.0

    @property
    def held_bytes(self) -> int:
        """What all requests that are received, wait or are worked on may have together."""
        return 8 * self.body_bytes


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Attributes:
      name: what clients call it.
      base: directory of versions, which are directories named by whole numbers.
      newest: how many of the newest versions to serve.
      versions: exactly these instead, if any are given.
      labels: version by label.
    """

    name: str
    base: Path
    newest: int = 1
    versions: tuple[int, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)

    def wanted(self) -> dict[int, Path]:
        """Directories of the versions that shall be served and are there, by version."""
        found, count = self.choice()
        return dict(sorted(list(found.items())[:count]))

    def choice(self) -> tuple[dict[int, Path], int]:
        """Directories of the versions that may be served, the newest first, and how many of them
        shall be: an older one takes the place of one that does not load."""
        found = dict(reversed(versions_of(self.base).items()))
        if self.versions:
            found = {number: path for number, path in found.items() if number in self.versions}
            return found, len(found)
        return found, min(self.newest, len(found))


def from_directory(directory: Path) -> list[ModelConfig]:
    """The models of a work directory or of a directory of models, the newest version of each.

    Raises:
      UsageError: there is none.
    """
    for place in (directory / "serving", directory):
        bases = sorted(item for item in place.iterdir()) if place.is_dir() else []
        if found := [ModelConfig(item.name, item) for item in bases if newest_version(item)]:
            return found
    work = WorkDir(directory)
    if traces(work):
        raise ModelNotFound(
            f"{directory}: no served models here", [outcome(work, name) for name in MODELS]
        )
    raise UsageError(
        f"{directory}: no served models here. Give the work directory of a finished run, or a "
        "directory that holds <model>/<version>/saved_model.pb"
    )


def from_file(path: Path) -> list[ModelConfig]:
    """The models of a `models.config`, a ModelServerConfig in protobuf's text format.

    Raises:
      UsageError: it cannot be read, or names no model.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2 as config_pb2

    try:
        text = path.read_text(encoding="utf-8")
        read = text_format.Parse(text, config_pb2.ModelServerConfig())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise UsageError(f"{path}: not a models.config of TensorFlow Serving: {error}") from None
    if not read.model_config_list.config:
        raise UsageError(f"{path}: names no model in model_config_list")
    return [from_proto(one) for one in read.model_config_list.config]


def from_proto(one: config_pb2.ModelConfig) -> ModelConfig:
    """One entry of a ModelServerConfig.

    Raises:
      UsageError: it has no name, or its base path is relative.
    """
    base = Path(one.base_path)
    if not one.name or not base.is_absolute():
        raise UsageError(
            f"model {one.name!r}: needs a name and an absolute base_path, not {one.base_path!r}"
        )
    policy = one.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    newest = policy.latest.num_versions or 1
    if kind == "all":
        newest = 2**31
    return ModelConfig(
        one.name, base, newest, tuple(policy.specific.versions), dict(one.version_labels)
    )


def labelled(models: list[ModelConfig], base: str | None = None) -> config_pb2.ModelServerConfig:
    """A `models.config` with the newest version of each model as canary, the one before as stable.

    Where a model has one version, it carries both labels.

    Args:
      models: where the versions are looked up.
      base: the directory that holds the models where they will be served; None: where they are.
    """
    from tensorflow_serving.config import model_server_config_pb2 as config_pb2

    result = config_pb2.ModelServerConfig()
    for model in models:
        newest = list(versions_of(model.base))[-2:]
        one = result.model_config_list.config.add()
        one.name, one.model_platform = model.name, "tensorflow"
        one.base_path = f"{base.rstrip('/')}/{model.name}" if base else str(model.base.resolve())
        one.model_version_policy.specific.versions.extend(newest)
        one.version_labels[STABLE], one.version_labels[CANARY] = newest[0], newest[-1]
    return result
