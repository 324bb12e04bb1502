"""Typed, frozen settings of data preparation, models and training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from data.label_rules import SOURCES, WORDS, LabelRules
from trainer.export_settings import ExportSettings
from trainer.generator_settings import GeneratorSettings
from trainer.settings_loader import require, require_one_of, require_optimiser, to_mapping
from trainer.transfer_settings import TransferSettings

STAGES = ("encoder", "captioner", "generator")
RESOLUTIONS = ("16", "28", "32", "64", "128", "256")
# Steps draw with signed seeds of 32 bits, and each network adds a small number to the run's.
HIGHEST_SEED = 2_000_000_000
# Of a sketch: a seed of 4 x 4, doubled once.
SMALLEST_SKETCH = 8
STRATEGIES = ("none", "mirrored", "multi_worker")
SCHEDULES = ("cosine", "constant", "plateau")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class DataSettings:
    """What the models see of a captioned picture.

    Attributes:
      resolution: side of the square pictures, in pixels.
      max_captions: captions kept of one picture.
      max_length: tokens kept of one caption, start and end marks included.
      vocabulary_size: at most this many tokens, the most frequent first.
      min_count: a token seen less often in the training split is unknown.
      labels: what the recogniser learns: `given` takes the attributes of the data, `captions` mines
        content words from the captions, `auto` mines where no training picture has attributes.
      max_labels: at most this many mined labels, the most frequent first.
      min_label_count: a word in the captions of fewer training pictures is no mined label.
      label_words: `all` mined words, or `content`, only nouns, verbs and adjectives, which needs
        the extra `tagger` (`data.part_of_speech`).
    """

    resolution: int = 32
    max_captions: int = 5
    max_length: int = 32
    vocabulary_size: int = 8000
    min_count: int = 2
    labels: str = LabelRules.labels
    max_labels: int = LabelRules.max_labels
    min_label_count: int = LabelRules.min_label_count
    label_words: str = LabelRules.label_words

    def __post_init__(self) -> None:
        require_one_of("resolution", str(self.resolution), RESOLUTIONS)
        require(1 <= self.max_captions <= 64, "max_captions", self.max_captions, "1 to 64")
        require(4 <= self.max_length <= 256, "max_length", self.max_length, "4 to 256")
        require(self.vocabulary_size >= 1, "vocabulary_size", self.vocabulary_size, "1 or more")
        require(self.min_count >= 1, "min_count", self.min_count, "1 or more")
        require_one_of("labels", self.labels, SOURCES)
        require_one_of("label_words", self.label_words, WORDS)
        require(self.max_labels >= 1, "max_labels", self.max_labels, "1 or more")
        least = self.min_label_count
        require(least >= 1, "min_label_count", least, "1 or more")


@dataclass(frozen=True)
class EncoderSettings(TransferSettings):
    """The shared text-image space and the attribute recogniser.

    Attributes:
      text: how captions are read: `convolution`, `gru` or `transformer`.
      width: channels of the first convolution; doubled at each halving of the picture.
      embedding: dimension of the shared space.
      attribute_weight: weight of the recogniser's loss beside the contrastive one.
      dropout: share of the pooled features of a picture that is left out.
      shift: move pictures at random, by so many pixels at most.
      crop: enlarge parts of pictures at random to whole ones, of so large a share of their area at
        least; 1 takes all of them. Wrong where captions say what is at an edge.
      flip: mirror pictures at random; wrong where captions say left or right.
      colour: strength of random brightness (+-0.5), saturation (x 0 to 2) and contrast
        (x 0.5 to 1.5); 0 changes none.
      cutout: side of a square that is greyed out at random, as a share of the picture's; 0 is none.
      optimizer: `adam`, or `muon`, which learns more in a step and costs more
        (`trainer.optimizers`).
    """

    text: str = "convolution"
    width: int = 24
    embedding: int = 128
    text_width: int = 128
    attribute_weight: float = 1.0
    dropout: float = 0.1
    shift: int = 2
    crop: float = 1.0
    flip: bool = False
    colour: float = 0.0
    cutout: float = 0.0
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    clip_norm: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("text", self.text, ("convolution", "gru", "transformer"))
        require(0 < self.crop <= 1, "crop", self.crop, "above 0, at most 1")
        require(0 <= self.colour <= 1, "colour", self.colour, "0 to 1")
        require(0 <= self.cutout < 1, "cutout", self.cutout, "0 or more, below 1")
        require_optimiser(self.optimizer, self.batch_size, self.learning_rate)


@dataclass(frozen=True)
class CaptionerSettings(TransferSettings):
    """Frozen picture features, attention and GRUs.

    Attributes:
      attention: how words look at the picture: `additive`, or `none`, where the picture starts the
        state and every word is told the same mean of it.
      views: learn from views of the pictures that are changed at random as the encoder's were, and
        encoded anew at each step, instead of from their codes; costs a pass of the encoder.
      layers: GRUs one above the other, with dropout between them.
      units: size of a GRU's state.
      beam: hypotheses kept when decoding.
      length_power: hypotheses are ranked by log probability / length ** length_power.
      no_repeat: tokens of a run that no caption says twice; 0 lets captions repeat themselves.
      label_smoothing: probability mass spread over the vocabulary.
      sampled_words: the share of words in training, at its end, that are the captioner's own in
        place of the caption's (scheduled sampling); it rises from 0 with progress.
      self_critical_from: share of the training after which the captioner no longer learns words
        but is rewarded for captions of a higher CIDEr-D than its likeliest (self-critical sequence
        training), at several times the cost of a step; 1 is never.
      self_critical_learning_rate: of that phase, which then has a schedule of its own, as the phase
        before it has; null goes on with learning_rate and its schedule.
      optimizer: `adam` or `muon`, as for the encoder.
    """

    attention: str = "additive"
    views: bool = False
    layers: int = 1
    units: int = 256
    embedding: int = 128
    dropout: float = 0.1
    label_smoothing: float = 0.0
    sampled_words: float = 0.0
    self_critical_from: float = 1.0
    self_critical_learning_rate: float | None = None
    beam: int = 3
    length_power: float = 0.7
    no_repeat: int = 0
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    clip_norm: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("attention", self.attention, ("additive", "none"))
        require(1 <= self.layers <= 8, "layers", self.layers, "1 to 8")
        begins = self.self_critical_from
        require(0 <= begins <= 1, "self_critical_from", begins, "0 to 1")
        rate = self.self_critical_learning_rate
        right = rate is None or rate > 0
        require(right, "self_critical_learning_rate", rate, "more than 0, or null")
        require(0 <= self.sampled_words <= 1, "sampled_words", self.sampled_words, "0 to 1")
        require(1 <= self.beam <= 16, "beam", self.beam, "1 to 16")
        require(0 <= self.no_repeat <= 16, "no_repeat", self.no_repeat, "0 to 16")
        require_optimiser(self.optimizer, self.batch_size, self.learning_rate)


def _default_shares() -> dict[str, float]:
    return {"encoder": 0.3, "captioner": 0.2, "generator": 0.5}


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how to train.

    Attributes:
      minutes: wall-clock budget of all three stages together.
      shares: part of the budget that each stage gets.
      steps: a fixed number of steps in place of a time budget, one for all stages or one for each
        by name; null takes minutes. Steps give the same models on slow machines and on fast ones.
      precision: `auto` takes bfloat16 where the device computes in it, else float32; `float16` is
        for GPUs without bfloat16 and scales the loss.
      accumulate: parts that a batch is cut into, one in memory at a time; their gradients are
        averaged before the one update of a step. Divides the stage's batch_size.
      strategy: `mirrored` trains on the devices of this machine, `multi_worker` on those of all
        machines that TF_CONFIG names; batch_size is that of all together, and a multiple of their
        number.
      devices: for `mirrored`: GPUs to use, or CPU devices to make if there is none; null takes all
        GPUs.
      replay: share of the examples of a step that is drawn from the older spans of the window; null
        draws from all spans alike.
      checkpoint_seconds: time between two checkpoints.
      sample_seconds: time between two sample grids and held-out checks.
      check_steps: steps between two of them, in place of a time; null takes sample_seconds.
      schedule: of the learning rate, after a warm-up: `cosine` falls to the end, `constant` stays,
        `plateau` is multiplied by plateau_factor after plateau_checks held-out checks without a
        better figure (each stage has one that counts).
      patience: held-out checks without a better figure after which training ends; null never.
      keep: what is exported, the `last` state or the one whose held-out figure was `best`.
      rollbacks: how often a broken training goes back to its last checkpoint, with other draws and
        half the learning rate, before it ends in an error.
    """

    minutes: float = 8.0
    shares: dict[str, float] = field(default_factory=_default_shares)
    steps: int | dict[str, int] | None = None
    precision: str = "auto"
    accumulate: int = 1
    strategy: str = "none"
    devices: int | None = None
    seed: int = 0
    replay: float | None = None
    checkpoint_seconds: float = 60.0
    sample_seconds: float = 60.0
    check_steps: int | None = None
    schedule: str = "cosine"
    plateau_checks: int = 3
    plateau_factor: float = 0.5
    patience: int | None = None
    keep: str = "last"
    rollbacks: int = 3

    def __post_init__(self) -> None:
        require(self.minutes > 0, "minutes", self.minutes, "more than 0")
        self._require_steps()
        require_one_of("precision", self.precision, PRECISIONS)
        require(self.accumulate >= 1, "accumulate", self.accumulate, "1 or more")
        require(0 <= self.seed <= HIGHEST_SEED, "seed", self.seed, f"0 to {HIGHEST_SEED}")
        for key in ("check_steps", "patience"):
            value = getattr(self, key)
            require(value is None or value >= 1, key, value, "1 or more, or null")
        replay = self.replay
        right = replay is None or 0 <= replay < 1
        require(right, "replay", replay, "0 or more, below 1, or null")
        require_one_of("schedule", self.schedule, SCHEDULES)
        require(self.plateau_checks >= 1, "plateau_checks", self.plateau_checks, "1 or more")
        factor = self.plateau_factor
        require(0 < factor < 1, "plateau_factor", factor, "between 0 and 1")
        require_one_of("keep", self.keep, ("last", "best"))
        require(self.rollbacks >= 0, "rollbacks", self.rollbacks, "0 or more")
        require_one_of("strategy", self.strategy, STRATEGIES)
        devices = self.devices
        require(devices is None or devices >= 1, "devices", devices, "1 or more, or null")
        for stage in self.shares:
            require_one_of("shares", stage, STAGES)
        right = set(self.shares) == set(STAGES) and all(v > 0 for v in self.shares.values())
        require(right, "shares", self.shares, f"a positive number for each of {', '.join(STAGES)}")

    def _require_steps(self) -> None:
        steps = self.steps
        if isinstance(steps, dict):
            for stage in steps:
                require_one_of("steps", stage, STAGES)
            right = set(steps) == set(STAGES) and all(value > 0 for value in steps.values())
            require(right, "steps", steps, f"1 or more for each of {', '.join(STAGES)}")
        else:
            require(steps is None or steps > 0, "steps", steps, "1 or more, or null")

    def steps_of(self, stage: str) -> int | None:
        """The fixed number of steps of a stage, or None where its budget is time."""
        return self.steps[stage] if isinstance(self.steps, dict) else self.steps


@dataclass(frozen=True)
class Experiment:
    """Everything that the trainer needs to know; written beside every model that it exports."""

    name: str = "experiment"
    data: DataSettings = field(default_factory=DataSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    captioner: CaptionerSettings = field(default_factory=CaptionerSettings)
    generator: GeneratorSettings = field(default_factory=GeneratorSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    export: ExportSettings = field(default_factory=ExportSettings)

    def __post_init__(self) -> None:
        sketch, side = self.generator.sketch_resolution, self.data.resolution
        if sketch is not None and self.generator.architecture == "two_stage":
            fits = [part for part in (side // 2, side // 4) if part >= SMALLEST_SKETCH]
            allowed = f"{' or '.join(map(str, fits))} where data.resolution is {side}, or null"
            require(sketch in fits, "generator.sketch_resolution", sketch, allowed)


def deciding(experiment: Experiment) -> dict[str, Any]:
    """Returns the settings that decide what is learned, as plain values.

    A training goes on, or is only exported anew, where no other setting has changed.
    """
    values = to_mapping(experiment)
    del values["export"]
    return values
