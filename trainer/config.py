"""Typed, frozen settings of data preparation, models, training and export.

They load without TensorFlow and reject values that contradict each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from data.label_rules import SOURCES, WORDS, LabelRules
from trainer.settings_loader import require, require_one_of, require_optimiser, to_mapping

# Warm start.


@dataclass(frozen=True)
class TransferSettings:
    """How the weights of a warm start are trained.

    Without an earlier model these settings have no effect. Only weights that were transferred
    completely are frozen or slowed down; the others have entries that are not trained yet.

    Attributes:
      freeze: names of weights to freeze, with `*` for any characters; the name of a block means
        all weights below it. `discriminator/body` of the generator is FreezeD (Mo et al. 2020,
        section 3).
      freeze_until: fraction of the training after which they are trained too; 1 is never. With 1
        the averages of batch normalisation are frozen as well, otherwise they are updated.
      kept_rate: factor of the learning rate of transferred weights.
    """

    freeze: tuple[str, ...] = ()
    freeze_until: float = 1.0
    kept_rate: float = 1.0

    def __post_init__(self) -> None:
        until = self.freeze_until
        require(0 < until <= 1, "freeze_until", until, "above 0, at most 1")
        rate = self.kept_rate
        require(0 < rate <= 1, "kept_rate", rate, "above 0, at most 1; freeze holds weights still")


# Export.


# Weights in float32, float16, or int8 with scales (activations in float32).
COMPRESSED_FORMS = ("float32", "float16", "int8")
# Largest factor of the noise in a request; training uses 1.
LARGEST_TRUNCATION = 2.0


@dataclass(frozen=True)
class ExportSettings:
    """Limits and execution of served models; they do not change what is learned.

    Attributes:
      caption_bytes: longest caption that is accepted, in bytes of UTF-8.
      picture_bytes: largest picture file that is accepted.
      picture_pixels: largest picture, width times height by its header. Decoding takes up to 12
        bytes of memory per pixel: set less where anyone may send pictures. The default accepts
        every picture that data preparation accepts.
      chunk: rows that are computed together. Requests are padded to it, so neither the size of a
        batch nor the other rows in it change a bit of an answer; a smaller request costs as much
        as a whole chunk. This guarantee holds for 1 and 4. With other numbers, the kernels for
        AVX2 sum some rows of a chunk in another order than the rest.
      warm_up: batch sizes of the warm-up requests of every signature.
      compressed: formats in which captioner and generator are also written as LiteRT models:
        `float32`, `float16`, `int8`.
    """

    caption_bytes: int = 16_384
    picture_bytes: int = 64 * 2**20
    picture_pixels: int = 64_000_000
    chunk: int = 4
    warm_up: tuple[int, ...] = (1, 8, 32)
    compressed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in ("caption_bytes", "picture_bytes", "picture_pixels", "chunk"):
            value = getattr(self, key)
            require(1 <= value < 2**31, key, value, "1 to 2147483647")
        for size in self.warm_up:
            require(1 <= size <= 1024, "warm_up", size, "1 to 1024")
        require(bool(self.warm_up), "warm_up", self.warm_up, "one batch size or more")
        for form in self.compressed:
            require_one_of("compressed", form, COMPRESSED_FORMS)


# Generator.


# Keys of `trainer.losses`, repeated here because that package loads TensorFlow.
ADVERSARIAL_LOSSES = (
    "minimax",
    "non_saturating",
    "least_squares",
    "wasserstein",
    "wgan_gp",
    "hinge",
    "relativistic",
)
GRADIENT_PENALTIES = ("r1", "r2", "r1_r2", "wgan_gp", "matching_aware")
ARCHITECTURES = ("mlp", "dcgan", "two_stage", "one_stage", "vae")
DISCRIMINATORS = ("matching_aware", "projection", "unconditional")


@dataclass(frozen=True)
class GeneratorSettings(TransferSettings):
    """The generator and its discriminator.

    Attributes:
      architecture: name of the architecture in `trainer.models.build`.
      discriminator: head of the discriminator (`trainer.models.discriminator`): `matching_aware`
        reads picture and caption together, `projection` adds an inner product with the caption,
        `unconditional` reads the picture alone.
      conditional: whether the generator reads captions. If not, the discriminator must be
        `unconditional`.
      sketch_resolution: side of stage I's pictures (`two_stage` only), a half or a quarter of
        `data.resolution`; null takes the half.
      loss: name of the adversarial loss in `trainer.losses.adversarial`, or `elbo`, the only loss
        of the `vae`. `auto` takes `elbo` for the `vae` and `hinge` for all others.
      noise: length of the noise vector.
      width: channels of the generator at full resolution.
      discriminator_width: channels after the discriminator's first convolution.
      widest: maximum multiple of the two widths at small feature maps. At twice the resolution,
        half the widths and twice this number keep the shapes of all common blocks.
      augment: DiffAugment policies, in order.
      augment_colour: strength of the policy `colour`, 1 as published; null takes a third if
        captions name colours (`trainer.augment`), else 1.
      augment_adaptive: adapt the probability of augmentation to the discriminator's overfitting
        instead of always augmenting.
      augment_target: target of the overfitting heuristic (`trainer.augment.overfitting`).
      augment_images: pictures in which the probability can rise from 0 to 1.
      discriminator_steps: discriminator updates per generator update; null takes the loss's own.
      conditioning_ramp: fraction of the adversarial phase over which captions are faded in from 0.
      conditioning_weight: weight of the conditioning augmentation's KL divergence, per nat
        (`two_stage`). At 1, as in the paper, the caption's code carries no information; the
        authors' code averages over its 128 entries and multiplies by 2, which is 1 / 64.
      ema_images: half-life of the exported moving average of the weights, in images.
      penalty: name of the gradient penalty in `trainer.losses.penalties`, computed in float32, or
        `none`; `auto` takes the loss's own.
      penalty_weight: weight of the penalty; null takes the penalty's own: for r1, r2 and r1_r2
        0.0002 * resolution^2 / batch_size (the rule of StyleGAN2-ADA's train.py), for wgan_gp 10,
        for matching_aware 2.
      penalty_every: steps between penalties; the weight is multiplied by this number. Null takes
        the penalty's own: 1 for wgan_gp, else 16.
      contrastive_weight: weight of the InfoNCE loss through the frozen encoder.
      attribute_weight: weight of the frozen recogniser's loss for the caption's attributes.
      reconstruction_weight: weight of the negative ELBO (per pixel value) of real pictures, whose
        noise a small posterior network infers; 0 leaves it out.
      kl_weight: final weight of the KL divergence in the ELBO (beta-VAE, Higgins et al. 2017,
        section 2). Above 1 the noise carries less, so the generator relies more on the caption.
        The weight starts at 60, so the generator learns to use the caption before the noise.
      free_bits: nats that each dimension of the noise may carry without a penalty (`vae`).
      adversarial_from: fraction of the training in which only the ELBO is optimised, at a third of
        the cost of an adversarial step; the adversarial phase follows.
      optimizer: `adam`, or `muon` for the generator. Posterior and discriminators always use Adam:
        a posterior that learns faster encodes the caption's content in the noise. The `vae` trains
        both of its networks with it.
      bound_learning_rate: learning rate of the generator while only the ELBO is optimised.
      clip_norm: norm that the gradients of the generator, and those of the posterior, are clipped
        to. Those of the discriminator are not clipped.
      mismatch_weight: weight of real pictures with other pictures' captions.
    """

    architecture: str = "one_stage"
    discriminator: str = "matching_aware"
    conditional: bool = True
    sketch_resolution: int | None = None
    loss: str = "auto"
    noise: int = 64
    width: int = 32
    discriminator_width: int = 32
    widest: int = 4
    augment: tuple[str, ...] = ("translation", "cutout")
    augment_colour: float | None = None
    augment_adaptive: bool = False
    augment_target: float = 0.3
    augment_images: int = 50_000
    discriminator_steps: int | None = None
    conditioning_ramp: float = 0.0
    conditioning_weight: float = 1 / 64
    ema_images: int = 5000
    penalty: str = "auto"
    penalty_weight: float | None = None
    penalty_every: int | None = None
    contrastive_weight: float = 0.3
    attribute_weight: float = 0.3
    reconstruction_weight: float = 6.0
    kl_weight: float = 3.0
    free_bits: float = 0.0
    adversarial_from: float = 0.6
    mismatch_weight: float = 0.5
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    discriminator_learning_rate: float = 1e-3
    bound_learning_rate: float = 3e-3
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.widest >= 1, "widest", self.widest, "1 or more")
        require_one_of("architecture", self.architecture, ARCHITECTURES)
        require_one_of("discriminator", self.discriminator, DISCRIMINATORS)
        _require_loss(self.architecture, self.loss)
        _require_penalty(self)
        _require_readers(self)
        for policy in self.augment:
            require_one_of("augment", policy, ("colour", "translation", "cutout"))
        require(self.batch_size >= 2, "batch_size", self.batch_size, "2 or more")
        begins = self.adversarial_from
        require(0 <= begins <= 1, "adversarial_from", begins, "0 to 1")
        require(
            begins == 0 or self.reconstruction_weight > 0,
            "adversarial_from",
            begins,
            "0 where reconstruction_weight is 0: there is no bound to begin with",
        )
        steps = self.discriminator_steps
        right = steps is None or steps >= 1
        require(right, "discriminator_steps", steps, "1 or more, or null for the loss's own")
        require(
            0 <= self.conditioning_ramp <= 1, "conditioning_ramp", self.conditioning_ramp, "0 to 1"
        )
        strength = self.augment_colour
        right = strength is None or 0 <= strength <= 1
        require(right, "augment_colour", strength, "0 to 1, or null to look at the captions")
        require(self.augment_images >= 1, "augment_images", self.augment_images, "1 or more")
        require(self.free_bits >= 0, "free_bits", self.free_bits, "0 or more")
        require_optimiser(self.optimizer, self.batch_size, self.learning_rate)

    @property
    def loss_in_use(self) -> str:
        """The name of the loss, with `auto` resolved."""
        if self.loss != "auto":
            return self.loss
        return "elbo" if self.architecture == "vae" else "hinge"


def _require_readers(settings: GeneratorSettings) -> None:
    """Rejects settings that need captions where the networks do not read any."""
    reads = settings.discriminator != "unconditional"
    require(
        settings.conditional or not reads,
        "discriminator",
        settings.discriminator,
        "where conditional is false there are no captions to read: set it to unconditional",
    )
    require(
        reads or settings.penalty != "matching_aware",
        "penalty",
        settings.penalty,
        "where discriminator is unconditional no caption has a gradient: set it to r1 or none",
    )


def _require_loss(architecture: str, loss: str) -> None:
    require_one_of("loss", loss, ("auto", "elbo", *ADVERSARIAL_LOSSES))
    require(
        architecture != "vae" or loss in ("auto", "elbo"),
        "loss",
        loss,
        "the vae has no discriminator to play against; take loss elbo (or auto), or another "
        "architecture",
    )
    require(
        architecture == "vae" or loss != "elbo",
        "loss",
        loss,
        f"{architecture} has no network that infers the noise of a picture; take architecture vae, "
        "or adversarial_from 1, which trains on the bound alone",
    )


def _require_penalty(settings: GeneratorSettings) -> None:
    loss, penalty = settings.loss_in_use, settings.penalty
    weight, every = settings.penalty_weight, settings.penalty_every
    require_one_of("penalty", penalty, ("auto", *GRADIENT_PENALTIES, "none"))
    right = weight is None or 0 <= weight < float("inf")
    require(right, "penalty_weight", weight, "0 or more, or null for the penalty's own")
    right = every is None or every >= 1
    require(right, "penalty_every", every, "1 or more, or null for the penalty's own")
    key, value = ("penalty", penalty) if penalty == "none" else ("penalty_weight", weight)
    require(
        loss != "wgan_gp" or (penalty != "none" and weight != 0),
        key,
        value,
        "nothing else keeps the critic of loss wgan_gp 1-Lipschitz; take penalty wgan_gp with a "
        "weight above 0, or loss wasserstein, which clips the weights instead",
    )
    require(
        loss != "wasserstein" or penalty != "wgan_gp",
        "penalty",
        penalty,
        "loss wasserstein clips the weights so far that no gradient comes near the norm of 1 that "
        "this penalty asks for; take loss wgan_gp, or penalty auto",
    )


# Data preparation, encoder, captioner and training.


STAGES = ("encoder", "captioner", "generator")
RESOLUTIONS = ("16", "28", "32", "64", "128", "256")
# Below 2^31: seeds are signed 32-bit numbers, and each network adds a small number to the run's.
HIGHEST_SEED = 2_000_000_000
# Side of the smallest sketch: a 4 x 4 feature map, doubled once.
SMALLEST_SKETCH = 8
STRATEGIES = ("none", "mirrored", "multi_worker")
SCHEDULES = ("cosine", "constant", "plateau")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class DataSettings:
    """Preparation of captioned pictures.

    Attributes:
      resolution: side of the square pictures, in pixels.
      max_captions: maximum number of captions per picture.
      max_length: maximum number of tokens per caption, START and END included.
      vocabulary_size: maximum number of tokens; the most frequent are kept.
      min_count: tokens that are rarer in the training split are unknown.
      labels: labels of the recogniser: `given` takes the attributes of the data, `captions` mines
        content words from the captions, `auto` mines if no training picture has attributes.
      max_labels: maximum number of mined labels; the most frequent are kept.
      min_label_count: words in the captions of fewer training pictures are not mined.
      label_words: `all` mined words, or `content`, only nouns, verbs and adjectives, which needs
        the extra `tagger` (`data.mining`).
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
      text: architecture of the caption tower: `convolution`, `gru` or `transformer`.
      width: channels of the first convolution; doubled at each halving of the side.
      embedding: dimension of the shared space.
      text_width: width of the caption tower.
      attribute_weight: weight of the recogniser's loss relative to the contrastive loss.
      dropout: dropout rate of the pooled picture features.
      shift: largest random shift, in pixels.
      crop: smallest area of a random crop, as a fraction of the picture; 1 does not crop. Wrong if
        captions describe what is at an edge.
      flip: mirror pictures at random; wrong if captions say left or right.
      colour: strength of random brightness (+-0.5), saturation (x 0 to 2) and contrast
        (x 0.5 to 1.5); 0 changes none.
      cutout: side of a square set to grey at random, as a fraction of the picture's; 0 is none.
      optimizer: `adam`, or `muon`, which learns more per step and costs more
        (`trainer.engine.optimizers`).
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
    """The captioner: GRUs with attention to frozen picture features.

    Attributes:
      attention: `additive`, or `none`: the picture sets the initial state, and every step reads
        the same mean of the feature map.
      views: train on random views of the pictures, changed as for the encoder, which are encoded
        at each step, instead of on fixed codes; costs a pass of the encoder.
      layers: number of stacked GRUs, with dropout between them.
      units: size of a GRU's state.
      beam: hypotheses of the beam search.
      length_power: hypotheses are ranked by log probability / length ** length_power.
      no_repeat: n-grams of this size occur at most once in a caption; 0 allows repetition.
      label_smoothing: probability mass spread over the vocabulary.
      sampled_words: scheduled sampling: final fraction of input tokens that are the captioner's
        own predictions; it rises from 0 with progress.
      self_critical_from: fraction of the training after which cross-entropy is replaced by
        self-critical training, which rewards captions with a higher CIDEr-D than the greedy one,
        at several times the cost of a step; 1 is never.
      self_critical_learning_rate: learning rate of self-critical training; each phase then has its
        own schedule. Null continues with learning_rate and its schedule.
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
    """Length and method of training.

    Attributes:
      minutes: wall-clock budget of all three stages together.
      shares: fraction of the budget for each stage.
      steps: a fixed number of steps instead of a time budget, one for all stages or one for each
        by name; null takes minutes. Steps give the same models on slow and fast machines.
      precision: `auto` takes bfloat16 if the device computes in it, else float32; `float16` is for
        GPUs without bfloat16 and scales the loss.
      accumulate: micro-batches per batch, one in memory at a time; their gradients are averaged
        before the single update of a step. Divides the stage's batch_size.
      strategy: `mirrored` trains on the devices of this machine, `multi_worker` on those of all
        machines in TF_CONFIG. batch_size is the total over devices and a multiple of their number.
      devices: for `mirrored`: number of GPUs, or of virtual CPU devices if there is no GPU; null
        takes all GPUs.
      seed: seed of all random draws.
      replay: fraction of the examples of a step that come from the older spans of the window; null
        draws from all spans alike.
      checkpoint_seconds: time between checkpoints.
      sample_seconds: time between sample grids and held-out checks.
      check_steps: steps between them, instead of a time; null takes sample_seconds.
      schedule: learning rate after the warm-up: `cosine` falls to the end, `constant` stays,
        `plateau` is multiplied by plateau_factor after plateau_checks held-out checks without a
        better selection metric (each stage has one).
      patience: held-out checks without a better selection metric after which training ends; null
        is never.
      keep: state to export, the `last` one or that with the `best` selection metric.
      rollbacks: how often a broken training returns to its last checkpoint, with other random
        draws and half the learning rate, before it ends in an error.
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
        """Returns the fixed number of steps of a stage, or None if its budget is time."""
        return self.steps[stage] if isinstance(self.steps, dict) else self.steps


@dataclass(frozen=True)
class Experiment:
    """All settings of the trainer; exported with every model."""

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

    A training resumes, or is exported again, only if these are unchanged.
    """
    values = to_mapping(experiment)
    del values["export"]
    return values
