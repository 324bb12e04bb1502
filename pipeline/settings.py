"""The settings of one run: read from YAML, typed, frozen, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from components.caption_example_gen.options import IngestOptions
from components.cross_modal_evaluator.thresholds import Threshold
from data.base import files
from data.base.errors import DataError
from data.checking.findings import CheckLimits
from data.sources import Source, spans
from pipeline import config_files
from pipeline.beam_runners import BeamSettings
from pipeline.cluster.settings import ClusterSettings
from pipeline.work_dir import SMOKE
from trainer.config import (
    STAGES,
    CaptionerSettings,
    DataSettings,
    EncoderSettings,
    Experiment,
    ExportSettings,
    GeneratorSettings,
    TrainingSettings,
)
from trainer.evaluation.settings import EvaluationSettings
from trainer.settings_loader import (
    SettingsError,
    from_mapping,
    override,
    require,
    require_one_of,
    to_mapping,
)
from trainer.tuning_settings import TuningSettings

CURATED, INFERRED = "curated", "inferred"
ALL = "all"
# In `start_from`, in place of a path: what the pretraining has pushed.
PRETRAIN = "pretrain"


@dataclass(frozen=True)
class SourceSettings:
    """Where the captioned pictures come from.

    Attributes:
      path: a captioned folder or file, a COCO captions file, or `tfds:NAME[/CONFIG]`, with
        `{SPAN}` and `{VERSION}` for numbers in it. Empty means that the command has to name it
        with --data.
      span, version: the numbers wanted; null takes the newest.
      window: at most this many spans, up to that one, are read as one data set.
      max_reject_share: the run stops when a larger part of the rows cannot be used.
    """

    path: str = ""
    span: int | None = None
    version: int | None = None
    window: int = 1
    max_reject_share: float = 0.05

    def __post_init__(self) -> None:
        share = self.max_reject_share
        require(0 <= share <= 1, "max_reject_share", share, "0 to 1")
        require(self.window >= 1, "window", self.window, "1 or more")


@dataclass(frozen=True)
class ServingCheckSettings:
    """How an exported model is tried out before it is pushed.

    Attributes:
      time_limit_seconds: a model that takes longer for all requests is refused.
      batch: rows of the larger requests.
      compressed: forms in which captioner and generator must be there as LiteRT models, some of
        `export.compressed`, and answer almost alike.
    """

    time_limit_seconds: float = 300.0
    batch: int = 8
    compressed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(self.batch >= 2, "batch", self.batch, "2 or more")


@dataclass(frozen=True)
class PretrainSettings:
    """Which run comes first: a pipeline of its own, from its data to a verdict.

    Attributes:
      config: name of a config, or path of a YAML file; it may have a pretraining of its own.
      data, minutes: as for `tuwen run`; null takes what the config says.
      set: changes to that config, `dotted.key=value` each.
    """

    config: str
    data: str | None = None
    minutes: float | None = None
    set: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a run does; `runs/<name>/settings.yaml` keeps a copy.

    Attributes:
      ingest: how the source is read, see `components.caption_example_gen.options`.
      schema: `curated` is the one of this package for raw examples, `inferred` makes one from the
        data, anything else is the path of a schema in text form (.pbtxt).
      gate: what the data may be like, see `components.data_gate`.
      tuning: a search for better settings of one stage; null searches nothing.
      start_from: an earlier model whose weights the trainings take over: a work directory, a pushed
        or exported model, the directory of a training, `last` for what this work directory has
        pushed last, or `pretrain` for what the run of `pretrain` has pushed; null is from nothing.
        Stage by stage as a mapping, with `all` for the others.
      pretrain: a run that comes first.
      thresholds: what a figure must reach for its model to be blessed, by metric name or pattern.
      beam: on which of Beam's runners data are read, described and prepared.
      cluster: what `tuwen compile` needs to know; a run on this machine reads nothing of it.
    """

    name: str
    source: SourceSettings = field(default_factory=SourceSettings)
    ingest: IngestOptions = field(default_factory=IngestOptions)
    schema: str = CURATED
    gate: CheckLimits = field(default_factory=CheckLimits)
    data: DataSettings = field(default_factory=DataSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    captioner: CaptionerSettings = field(default_factory=CaptionerSettings)
    generator: GeneratorSettings = field(default_factory=GeneratorSettings)
    start_from: str | dict[str, str | None] | None = None
    pretrain: PretrainSettings | None = None
    training: TrainingSettings = field(default_factory=TrainingSettings)
    export: ExportSettings = field(default_factory=ExportSettings)
    tuning: TuningSettings | None = None
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    thresholds: dict[str, Threshold] = field(default_factory=dict)
    serving_check: ServingCheckSettings = field(default_factory=ServingCheckSettings)
    beam: BeamSettings = field(default_factory=BeamSettings)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)

    def __post_init__(self) -> None:
        plain = self.name.replace("-", "").replace("_", "").isalnum() and self.name.isascii()
        require(plain, "name", self.name, "letters, digits, - and _: it names a directory")
        known = self.schema in (CURATED, INFERRED) or Path(self.schema).is_file()
        require(known, "schema", self.schema, f"{CURATED}, {INFERRED}, or an existing .pbtxt file")
        made, needed = self.export.compressed, self.serving_check.compressed
        allowed = f"some of export.compressed, which is {list(made)}"
        require(set(needed) <= set(made), "serving_check.compressed", list(needed), allowed)
        for key in self.start_from if isinstance(self.start_from, Mapping) else ():
            require_one_of("start_from", key, (ALL, *STAGES))
        self._require_pretraining()
        window, replay = self.source.window, self.training.replay
        wide = replay is None or window > 1
        require(wide, "training.replay", replay, "null where source.window is 1")
        # Refuses settings that do not fit each other.
        experiment = self.experiment()
        if self.tuning is not None:
            self.tuning.require_fit(experiment)

    def _require_pretraining(self) -> None:
        asked = PRETRAIN in [self.start_of(stage) for stage in STAGES]
        if asked and self.pretrain is None:
            raise SettingsError(
                f"start_from: {PRETRAIN} needs a section {PRETRAIN} that names a config"
            )
        if self.pretrain is not None and not asked:
            raise SettingsError(f"{PRETRAIN}: no stage starts from it; add start_from: {PRETRAIN}")

    def open_source(self) -> Source:
        """Opens the data; raises DataError when there are none."""
        source = self.source
        found = spans.resolve_window(source.path, source.window, source.span, source.version)
        return spans.open_window(found, self.ingest.open)

    def start_of(self, stage: str) -> str | None:
        """Returns where `stage` shall start from, as the settings say it."""
        asked = self.start_from
        if isinstance(asked, Mapping):
            return asked.get(stage, asked.get(ALL))
        return asked

    def experiment(self) -> Experiment:
        """Returns what the trainer needs to know."""
        return Experiment(
            self.name,
            self.data,
            self.encoder,
            self.captioner,
            self.generator,
            self.training,
            self.export,
        )


def load(
    config: str,
    *,
    data: str | None = None,
    minutes: float | None = None,
    assignments: Sequence[str] = (),
    smoke: bool = False,
) -> Settings:
    """Reads a config and lays the command's own wishes over it.

    Args:
      config: the name of a config of the package, or the path of a YAML file.
      data: in place of `source.path`.
      minutes: in place of `training.minutes`, and of a fixed number of steps.
      assignments: `dotted.key=value` each; the last word.
      smoke: takes the config's smoke twin, under the name `<name>-smoke`.

    Raises:
      SettingsError: names the file, the key, and what is allowed.
    """
    file = config_files.load(config_files.find(config))
    values = file.twin() if smoke else dict(file.values)
    values.setdefault("name", Path(file.path).stem)
    if smoke:
        values["name"] = f"{values['name']}{SMOKE}"
    if data is not None:
        values = config_files.merge(values, {"source": {"path": data}})
    if minutes is not None:
        values = config_files.merge(values, {"training": {"minutes": minutes, "steps": None}})
    for assignment in assignments:
        values = override(values, assignment)
    where = f"{file.path} with --set" if assignments else str(file.path)
    return _checked(values, where, config)


def defaults(data: str, assignments: Sequence[str]) -> Settings:
    """Returns the settings of a config that says nothing but where the data are.

    Args:
      data: `source.path`.
      assignments: `dotted.key=value` each.

    Raises:
      SettingsError: names the key, and what is allowed.
    """
    values: dict[str, Any] = {"name": "data", "source": {"path": data}}
    for assignment in assignments:
        values = override(values, assignment)
    return _checked(values, "--set", "data")


def save(settings: Settings, path: Path) -> None:
    """Writes `settings` as a YAML file that `tuwen run` takes."""
    import yaml

    text = yaml.safe_dump(to_mapping(settings), allow_unicode=True, sort_keys=False)
    files.write_whole(str(path), text.encode("utf-8"))


def _checked(values: Mapping[str, Any], where: str, config: str) -> Settings:
    try:
        settings = from_mapping(Settings, values, where)
    except DataError as error:
        raise SettingsError(f"{where}: ingest: {error}") from None
    if not settings.source.path:
        raise SettingsError(
            f"config '{config}' names no data of its own: add --data PATH "
            "(a captioned folder, a caption file, or tfds:NAME)"
        )
    if settings.source.path.startswith("tfds:") or "://" in settings.source.path:
        return settings
    # TFX runs nodes wherever it likes; a relative path would also make two cache keys of one place.
    path = str(Path(settings.source.path).expanduser().absolute())
    return replace(settings, source=replace(settings.source, path=path))
