"""Typed, frozen settings of the generator, and which of them contradict each other."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.settings_loader import require, require_one_of, require_optimiser
from trainer.transfer_settings import TransferSettings

# Keys of `trainer.losses`, which loads TensorFlow and settings do not.
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
    """The generator of pictures and what it is trained against.

    Attributes:
      architecture: name of the pair in `trainer.models.build`.
      discriminator: how logits come about (`trainer.models.discriminator`): `matching_aware`, from
        picture and caption together; `projection`; or `unconditional`, from the picture alone.
      conditional: whether pictures are painted after captions. If not, the generator gets no text,
        and the discriminator must be `unconditional`.
      sketch_resolution: side of stage I's pictures (`two_stage` only), a half or a quarter of
        `data.resolution`; null takes the half.
      loss: name of the adversarial loss in `trainer.losses.adversarial`; `elbo`, the only loss of
        the `vae`; `auto` takes the one that goes with the architecture, `hinge` for all others.
      noise: dimension of the latent vector.
      width: channels at full resolution of the generator.
      discriminator_width: channels after the discriminator's first convolution.
      widest: channels of small grids are at most so many times those two widths. At twice the
        resolution, halved widths and twice this number keep all blocks that both have.
      augment: DiffAugment policies, in order.
      augment_colour: strength of the policy `colour`, 1 as published; null takes a third where
        captions name colours (`trainer.augment`), else 1.
      augment_adaptive: apply them as often as keeps the discriminator from overfitting, not always.
      augment_target: overfitting that is put up with (`trainer.augment.overfitting`).
      augment_images: pictures in which the probability can rise from 0 to 1.
      discriminator_steps: updates of the discriminator for each of the generator; null takes what
        goes with the loss.
      conditioning_ramp: share of the game over which captions are faded in, from none.
      conditioning_weight: weight of the conditioning augmentation's divergence, per nat
        (`two_stage`). At 1, as the paper has it, the caption's code says nothing any more; its
        authors' program averages over the code's 128 numbers and weighs by 2, which is 1 / 64.
      ema_images: half-life of the exported moving average of the weights, in images.
      penalty: name of the penalty in `trainer.losses.penalties`, computed in float32, or `none`;
        `auto` takes the one that goes with the loss.
      penalty_weight: its weight; null takes the penalty's own: for r1, r2 and r1_r2
        0.0002 * resolution^2 / batch_size (StyleGAN2-ADA, train.py's rule), for wgan_gp 10, for
        matching_aware 2.
      penalty_every: steps between two penalties; the weight is multiplied by as much. Null takes
        the penalty's own: 1 for wgan_gp, else 16.
      contrastive_weight: weight of the text-image term through the frozen encoder.
      attribute_weight: weight of the frozen recogniser finding in the picture what was said.
      reconstruction_weight: weight of the evidence lower bound (per pixel value) of real pictures,
        whose noise a small posterior network infers; 0 leaves it out.
      kl_weight: weight of the bound's divergence from the prior (beta-VAE, Higgins et al. 2017,
        section 2); above 1 the noise says less, and the caption is listened to more. At first it
        is 60: what the caption says is learned before the noise can say it.
      free_bits: nats that each dimension of the noise may say at no cost (`vae`).
      adversarial_from: share of the training in which only the bound is optimised, which costs a
        third of a whole step; the game begins after it.
      optimizer: `adam`, or `muon` for the generator. Posterior and discriminators take Adam: a
        posterior that learns faster puts into the noise what the caption says. The `vae` trains
        both of its networks by it.
      bound_learning_rate: of the generator while only the bound is optimised.
      clip_norm: the gradients of the generator, and those of the posterior, are cut to this norm.
        Those of the discriminator are not.
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
        """The loss by its name, whatever `auto` stands for."""
        if self.loss != "auto":
            return self.loss
        return "elbo" if self.architecture == "vae" else "hinge"


def _require_readers(settings: GeneratorSettings) -> None:
    """Refuses to ask for captions where nobody reads them."""
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
