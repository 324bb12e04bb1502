"""The content of the page as plain values that can be converted to JSON; needs no TFX."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from trainer.settings_loader import from_mapping


@dataclass(frozen=True)
class SplitFacts:
    """One split of the data: number of pictures, and their sizes in pixels."""

    name: str
    pictures: int
    captions_per_picture: float | None = None
    height: tuple[float, ...] = ()
    width: tuple[float, ...] = ()


@dataclass(frozen=True)
class GateFacts:
    """The decision of the data gate, and its reasons."""

    passed: bool
    sentence: str
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataFacts:
    """The data of the run.

    Attributes:
      source: description of the source.
      splits: the pictures of each split; `height` and `width` are minimum, median, maximum.
      captions: number of captions by language.
      rejects: number of rejected rows and pictures by reason; None if not counted.
      files: number of files in the source's folders that were read, rejected or ignored by reason;
        empty if not counted.
      mended: number of corrections by a policy, by kind.
      anomalies: a sentence for each anomaly; None without validation.
      gate: the decision of the data gate, or None without one.
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
    """One logged quantity: `y[i]` after `x[i]` pictures; None if not finite."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]


@dataclass(frozen=True)
class Alarm:
    """A remarkable point of a curve, after `x` pictures."""

    curve: str
    x: float
    text: str


@dataclass(frozen=True)
class StageFacts:
    """One training.

    Attributes:
      stage: `encoder`, `captioner` or `generator`.
      summary: the trainer's summary: steps, images, seconds, precision, device ...
      curves: logged quantities; held-out ones begin with `val_`.
      alarms: points that are marked in the curves.
      samples: base64 PNG sample sheets of the training by step, oldest first.
    """

    stage: str
    summary: dict[str, Any] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    samples: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TuningFacts:
    """A hyper-parameter search of one stage.

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
    """A test caption, the pictures generated from it (base64 PNG, one a seed), and the real one."""

    caption: str
    language: str
    seeds: tuple[int, ...]
    pictures: tuple[str, ...]
    real: str = ""


@dataclass(frozen=True)
class Walk:
    """An interpolation from one caption and seed to another.

    Attributes:
      kind: `noise` between two seeds of one caption, `captions` between two captions of one seed.
      captions: of both ends.
      seeds: of both ends.
      pictures: base64 PNG, evenly spaced, including both ends.
    """

    kind: str
    captions: tuple[str, ...]
    seeds: tuple[int, ...]
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class NearPair:
    """A picture and its nearest training picture (base64 PNG), with their captions.

    `ratio` is their distance divided by the mean distance to the nearest training pictures; 0 for a
    copy.
    """

    caption: str
    picture: str
    training_caption: str
    training_picture: str
    ratio: float


@dataclass(frozen=True)
class CopyFacts:
    """The pictures and distances behind the metric `memorisation`.

    Attributes:
      threshold: ratios up to this value count as copies.
      generated, held_out: pairs of generated and of test pictures, lowest ratio first.
      generated_distances, held_out_distances: evenly spaced quantiles, from minimum to maximum, of
        the distances of all pictures to their nearest training picture.
    """

    threshold: float
    generated: tuple[NearPair, ...]
    held_out: tuple[NearPair, ...]
    generated_distances: tuple[float, ...]
    held_out_distances: tuple[float, ...]


@dataclass(frozen=True)
class Word:
    """A token and its attention: a base64 PNG that covers the other parts of the picture."""

    token: str
    veil: str


@dataclass(frozen=True)
class Described:
    """A test picture (base64 PNG), the captioner's caption, and the references."""

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
    """An artefact: its type and number, its location, and its fingerprint.

    `fingerprint` is that of the source if the artefact names one, else of its files; "" if neither
    is available.
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
      seconds: its duration; for `cached` nodes, that of the original execution.
      cached: whether its result came from the cache.
      inputs: the artefacts that it read, such as `Examples 1`.
      outputs: the artefacts that it wrote.
    """

    node: str
    seconds: float
    cached: bool = False
    inputs: tuple[str, ...] = ()
    outputs: tuple[ArtefactFacts, ...] = ()


@dataclass(frozen=True)
class Previous:
    """The previous run in the same place: its time, settings and metrics."""

    made: str
    config: dict[str, Any]
    metrics: tuple[Any, ...]


@dataclass(frozen=True)
class ReportData:
    """A whole run; every part except the name may be missing.

    Attributes:
      name: of the run.
      made: the time of the report, as text.
      tuning: the hyper-parameter search, or None.
      metrics: `trainer.metrics.result.Metric` records.
      skipped: by name, why a metric could not be measured.
      labels: `trainer.metrics.result.LabelFigure` records.
      reliability: bins of the recogniser's reliability diagram: `count` pairs of picture and label,
        their mean `score`, and the `frequency` of positives.
      copies: generated pictures and their nearest training pictures, or None without a search.
      verdicts: the evaluator's records, one for each model.
      forgetting: metrics on the pictures of the last run on other data that blessed the model:
        `model`, and `before` and `after` as `trainer.metrics.result.Metric` records.
      serving: ServingCheck's records, one for each model.
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
        """Returns JSON text for `from_json`; values that are not finite become null."""
        return json.dumps(_finite(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, where: str = "report.json") -> ReportData:
        """Reads the output of `to_json`; raises SettingsError for an unknown key or wrong type."""
        return from_mapping(cls, json.loads(text), where)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
