"""Everything that the page shows, as plain values that survive JSON; needs no TFX."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from trainer.settings_loader import from_mapping


@dataclass(frozen=True)
class SplitFacts:
    """One split of the data: its pictures and their shorter and longer ends in pixels."""

    name: str
    pictures: int
    captions_per_picture: float | None = None
    height: tuple[float, ...] = ()
    width: tuple[float, ...] = ()


@dataclass(frozen=True)
class GateFacts:
    """What the data gate decided, and why."""

    passed: bool
    sentence: str
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataFacts:
    """What went in.

    Attributes:
      source: where the pictures came from, in words.
      splits: the pictures of each split; `height` and `width` hold least, median, greatest.
      captions: number of captions by language.
      rejects: rows and pictures left out, by reason; None where nobody counted.
      files: in the source's folders, by what became of each; empty where nobody counted.
      mended: how often a policy has filled a field or gone on without it, by what it did.
      anomalies: what the schema check found, a sentence each; None where nothing checked.
      gate: the decision to go on, or None where nothing decided.
    """

    source: str = ""
    splits: tuple[SplitFacts, ...] = ()
    captions: dict[str, int] = field(default_factory=dict)
    rejects: dict[str, int] | None = None
    files: dict[str, int] = field(default_factory=dict)
    dropped_captions: dict[str, int] = field(default_factory=dict)
    mended: dict[str, int] = field(default_factory=dict)
    anomalies: tuple[str, ...] | None = None
    gate: GateFacts | None = None


@dataclass(frozen=True)
class Curve:
    """One logged quantity: `y[i]` after `x[i]` pictures; None where it was not finite."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]


@dataclass(frozen=True)
class Alarm:
    """Something about a curve that a person should look at, after `x` pictures."""

    curve: str
    x: float
    text: str


@dataclass(frozen=True)
class StageFacts:
    """One training.

    Attributes:
      stage: `encoder`, `captioner` or `generator`.
      summary: the trainer's own summary: steps, images, seconds, precision, device ...
      curves: logged quantities; held-out ones begin with `val_`.
      alarms: marked in the curves.
      samples: base64 PNG sheets made while training, by step, oldest first.
    """

    stage: str
    summary: dict[str, Any] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    samples: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TuningFacts:
    """A search for better settings of one stage.

    Attributes:
      stage: whose settings were searched.
      space: the knobs by `stage.setting`, as `trainer.tuning_settings.Knob` records.
      trials: `trainer.trials.Trial` records.
    """

    stage: str
    space: dict[str, Any]
    trials: tuple[Any, ...]


@dataclass(frozen=True)
class Painted:
    """A test caption, the pictures made of it (base64 PNG, one a seed), and the real one."""

    caption: str
    language: str
    seeds: tuple[int, ...]
    pictures: tuple[str, ...]
    real: str = ""


@dataclass(frozen=True)
class Walk:
    """Pictures on the way from one caption and seed to another.

    Attributes:
      kind: `noise` between two seeds of one caption, `captions` between two captions of one seed.
      captions: of both ends.
      seeds: of both ends.
      pictures: base64 PNG, evenly spread, both ends among them.
    """

    kind: str
    captions: tuple[str, ...]
    seeds: tuple[int, ...]
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class NearPair:
    """A picture and the training picture nearest to it (base64 PNG), with what was said of both.

    `ratio` is their distance over the mean distance to the nearest training pictures; 0 is a copy.
    """

    caption: str
    picture: str
    training_caption: str
    training_picture: str
    ratio: float


@dataclass(frozen=True)
class CopyFacts:
    """What the figure `memorisation` rests on.

    Attributes:
      threshold: ratios up to this one count as copies.
      generated, held_out: pairs of generated and of test pictures, lowest ratio first.
      generated_distances, held_out_distances: of all pictures to their nearest training picture,
        quantiles evenly apart, from least to greatest.
    """

    threshold: float
    generated: tuple[NearPair, ...]
    held_out: tuple[NearPair, ...]
    generated_distances: tuple[float, ...]
    held_out_distances: tuple[float, ...]


@dataclass(frozen=True)
class Word:
    """A token and where the captioner looked: a base64 PNG whose opacity hides the rest."""

    token: str
    veil: str


@dataclass(frozen=True)
class Described:
    """A test picture (base64 PNG), what the captioner says of it, and what people said."""

    picture: str
    caption: str
    log_prob: float | None
    words: tuple[Word, ...] = ()
    references: tuple[str, ...] = ()
    attributes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PushFacts:
    """Whether a model was pushed, and under which version."""

    model: str
    pushed: bool
    version: str = ""


@dataclass(frozen=True)
class ArtefactFacts:
    """What a node made: its type and number, where it lies, and what tells it from others.

    `fingerprint` is that of the source where the artefact names one, else of its files; "" where
    neither can be had.
    """

    kind: str
    number: int
    uri: str
    fingerprint: str = ""


@dataclass(frozen=True)
class NodeTime:
    """A node of the pipeline.

    Attributes:
      node: its id.
      seconds: how long it took; `cached` nodes show what they took when they ran.
      cached: whether its result came from the cache.
      inputs: the artefacts that it read, such as `Examples 1`.
      outputs: the artefacts that it made.
    """

    node: str
    seconds: float
    cached: bool = False
    inputs: tuple[str, ...] = ()
    outputs: tuple[ArtefactFacts, ...] = ()


@dataclass(frozen=True)
class Previous:
    """The run before this one in the same place: when, with what settings and figures."""

    made: str
    config: dict[str, Any]
    metrics: tuple[Any, ...]


@dataclass(frozen=True)
class ReportData:
    """A whole run; every part but the name may be missing.

    Attributes:
      name: of the run.
      made: when the report was made, in words.
      tuning: the search for settings, or None where none was made.
      metrics: `trainer.metrics.result.Metric` records.
      skipped: figures that could not be measured, with the reason.
      labels: `trainer.metrics.result.LabelFigure` records.
      reliability: bars of the recogniser's reliability diagram: `count` pairs of picture and label,
        their mean `score`, and the `frequency` with which the labels hold.
      copies: generated pictures beside training pictures, or None where nobody searched.
      verdicts: the judge's records, one a model.
      forgetting: figures on the pictures of the last run, of other data, that blessed the model:
        `model`, and `before` and `after` as `trainer.metrics.result.Metric` records.
      serving: ServingCheck's records, one a model.
      versions: of Python and the libraries.
      hardware: of the machine that made the report.
      config: the whole configuration.
      previous: the run before it, or None.
    """

    name: str
    made: str = ""
    data: DataFacts = field(default_factory=DataFacts)
    tuning: TuningFacts | None = None
    stages: tuple[StageFacts, ...] = ()
    metrics: tuple[Any, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    labels: tuple[Any, ...] = ()
    reliability: tuple[Any, ...] = ()
    verdicts: tuple[Any, ...] = ()
    forgetting: tuple[Any, ...] = ()
    painted: tuple[Painted, ...] = ()
    walks: tuple[Walk, ...] = ()
    described: tuple[Described, ...] = ()
    copies: CopyFacts | None = None
    serving: tuple[Any, ...] = ()
    pushed: tuple[PushFacts, ...] = ()
    timings: tuple[NodeTime, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    hardware: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    previous: Previous | None = None

    def to_json(self) -> str:
        """Returns JSON text that `from_json` reads back; what is not finite becomes null."""
        return json.dumps(_finite(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, where: str = "report.json") -> ReportData:
        """Reads `to_json`'s text; raises SettingsError that names an unknown key or wrong type."""
        return from_mapping(cls, json.loads(text), where)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
