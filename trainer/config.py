"""Typed, frozen settings of data preparation, models and training."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainer.settings_loader import require, require_one_of

STAGES = ("encoder", "captioner", "generator")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class DataSettings:
    """What the models see of a captioned picture.

    Attributes:
      resolution: side of the square pictures, in pixels.
      max_captions: captions kept of one picture.
      max_length: tokens kept of one caption, start and end marks included.
      vocabulary_size: at most this many tokens, the most frequent first.
      min_count: a token seen less often in the training split is unknown.
    """

    resolution: int = 32
    max_captions: int = 5
    max_length: int = 32
    vocabulary_size: int = 8000
    min_count: int = 2

    def __post_init__(self) -> None:
        require_one_of("resolution", str(self.resolution), ("16", "32", "64", "128", "256"))
        require(1 <= self.max_captions <= 64, "max_captions", self.max_captions, "1 to 64")
        require(4 <= self.max_length <= 256, "max_length", self.max_length, "4 to 256")
        require(self.vocabulary_size >= 1, "vocabulary_size", self.vocabulary_size, "1 or more")
        require(self.min_count >= 1, "min_count", self.min_count, "1 or more")


@dataclass(frozen=True)
class EncoderSettings:
    """The shared text-image space and the attribute recogniser.

    Attributes:
      text: how captions are read: `convolution`, `gru` or `transformer`.
      width: channels of the first convolution; doubled at each halving of the picture.
      embedding: dimension of the shared space.
      attribute_weight: weight of the recogniser's loss beside the contrastive one.
      flip: mirror pictures at random; wrong where captions say left or right.
    """

    text: str = "convolution"
    width: int = 24
    embedding: int = 128
    text_width: int = 128
    attribute_weight: float = 1.0
    dropout: float = 0.1
    shift: int = 2
    flip: bool = False
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    clip_norm: float = 5.0

    def __post_init__(self) -> None:
        require_one_of("text", self.text, ("convolution", "gru", "transformer"))
        _require_optimiser(self.batch_size, self.learning_rate)


@dataclass(frozen=True)
class CaptionerSettings:
    """Frozen picture features, attention and GRUs.

    Attributes:
      attention: how words look at the picture: `additive`, or `none`, where the picture starts the
        state and every word is told the same mean of it.
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
    """

    attention: str = "additive"
    layers: int = 1
    units: int = 256
    embedding: int = 128
    dropout: float = 0.1
    label_smoothing: float = 0.0
    sampled_words: float = 0.0
    self_critical_from: float = 1.0
    beam: int = 3
    length_power: float = 0.7
    no_repeat: int = 0
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    clip_norm: float = 5.0

    def __post_init__(self) -> None:
        require_one_of("attention", self.attention, ("additive", "none"))
        require(1 <= self.layers <= 8, "layers", self.layers, "1 to 8")
        begins = self.self_critical_from
        require(0 <= begins <= 1, "self_critical_from", begins, "0 to 1")
        require(0 <= self.sampled_words <= 1, "sampled_words", self.sampled_words, "0 to 1")
        require(1 <= self.beam <= 16, "beam", self.beam, "1 to 16")
        require(0 <= self.no_repeat <= 16, "no_repeat", self.no_repeat, "0 to 16")
        _require_optimiser(self.batch_size, self.learning_rate)


@dataclass(frozen=True)
class GeneratorSettings:
    """The text-modulated generator and its matching-aware discriminator.

    Attributes:
      architecture: name of the pair in `trainer.models`.
      loss: name of the adversarial loss in `trainer.losses.adversarial`.
      noise: dimension of the latent vector.
      width: channels at full resolution of the generator.
      discriminator_width: channels after the discriminator's first convolution.
      augment: DiffAugment policies, in order.
      ema_images: half-life of the exported moving average of the weights, in images.
      penalty: `r1`, `matching_aware` or `none`, computed in float32.
      penalty_weight: its weight; null takes 0.0002 * resolution^2 / batch_size
        (StyleGAN2-ADA, train.py's rule).
      penalty_every: steps between two penalties; the weight is multiplied by as much.
      contrastive_weight: weight of the text-image term through the frozen encoder.
      attribute_weight: weight of the frozen recogniser finding in the picture what was said.
      reconstruction_weight: weight of the evidence lower bound (per pixel value) of real pictures,
        whose noise a small posterior network infers; 0 leaves it out.
      kl_weight: weight of the bound's divergence from the prior (beta-VAE, Higgins et al. 2017,
        section 2); above 1 the noise says less, and the caption is listened to more. Twenty times
        as much at first: what the caption says is learned before the noise can say it.
      adversarial_from: share of the training in which only the bound is optimised, which costs a
        third of a whole step; the game begins after it.
      bound_learning_rate: of the generator while only the bound is optimised.
      mismatch_weight: weight of real pictures with other pictures' captions.
    """

    architecture: str = "one_stage"
    loss: str = "hinge"
    noise: int = 64
    width: int = 32
    discriminator_width: int = 32
    augment: tuple[str, ...] = ("translation", "cutout")
    ema_images: int = 5000
    penalty: str = "r1"
    penalty_weight: float | None = None
    penalty_every: int = 16
    contrastive_weight: float = 0.3
    attribute_weight: float = 0.3
    reconstruction_weight: float = 6.0
    kl_weight: float = 3.0
    adversarial_from: float = 0.6
    mismatch_weight: float = 0.5
    batch_size: int = 32
    learning_rate: float = 1e-3
    discriminator_learning_rate: float = 1e-3
    bound_learning_rate: float = 3e-3
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        require_one_of("architecture", self.architecture, ("one_stage",))
        require_one_of("loss", self.loss, ("hinge",))
        require_one_of("penalty", self.penalty, ("r1", "matching_aware", "none"))
        for policy in self.augment:
            require_one_of("augment", policy, ("colour", "translation", "cutout"))
        require(self.penalty_every >= 1, "penalty_every", self.penalty_every, "1 or more")
        require(self.batch_size >= 2, "batch_size", self.batch_size, "2 or more")
        begins = self.adversarial_from
        require(0 <= begins <= 1, "adversarial_from", begins, "0 to 1")
        require(
            begins == 0 or self.reconstruction_weight > 0,
            "adversarial_from",
            begins,
            "0 where reconstruction_weight is 0: there is no bound to begin with",
        )
        _require_optimiser(self.batch_size, self.learning_rate)


def _default_shares() -> dict[str, float]:
    return {"encoder": 0.3, "captioner": 0.2, "generator": 0.5}


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how to train.

    Attributes:
      minutes: wall-clock budget of all three stages together.
      shares: part of the budget that each stage gets.
      steps: a fixed number of steps for each stage in place of a time budget; null takes minutes.
      precision: `auto` takes bfloat16 where the device computes in it, else float32.
      checkpoint_seconds: time between two checkpoints.
      sample_seconds: time between two sample grids and held-out checks.
    """

    minutes: float = 8.0
    shares: dict[str, float] = field(default_factory=_default_shares)
    steps: int | None = None
    precision: str = "auto"
    seed: int = 0
    checkpoint_seconds: float = 60.0
    sample_seconds: float = 60.0

    def __post_init__(self) -> None:
        require(self.minutes > 0, "minutes", self.minutes, "more than 0")
        require(self.steps is None or self.steps > 0, "steps", self.steps, "1 or more, or null")
        require_one_of("precision", self.precision, PRECISIONS)
        for stage in self.shares:
            require_one_of("shares", stage, STAGES)
        right = set(self.shares) == set(STAGES) and all(v > 0 for v in self.shares.values())
        require(right, "shares", self.shares, f"a positive number for each of {', '.join(STAGES)}")


@dataclass(frozen=True)
class Experiment:
    """Everything that the trainer needs to know; written beside every model that it exports."""

    name: str = "experiment"
    data: DataSettings = field(default_factory=DataSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    captioner: CaptionerSettings = field(default_factory=CaptionerSettings)
    generator: GeneratorSettings = field(default_factory=GeneratorSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)


def _require_optimiser(batch_size: int, learning_rate: float) -> None:
    require(batch_size >= 1, "batch_size", batch_size, "1 or more")
    require(learning_rate > 0, "learning_rate", learning_rate, "more than 0")
