"""Typed, frozen settings that every stage has of what it takes over from an earlier model."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.settings_loader import require


@dataclass(frozen=True)
class TransferSettings:
    """How weights that a stage takes over from an earlier model are trained on.

    Without an earlier model they change nothing, and weights that were not wholly taken over are
    neither frozen nor slowed down: they have learned nothing yet.

    Attributes:
      freeze: names of weights that stay as they are, with `*` for any characters; the name of a
        block stands for all below it. `discriminator/body` of the generator is FreezeD (Mo et al.
        2020, section 3).
      freeze_until: share of the training after which they are trained too; 1 is never. Until then
        averages of batch normalisation move on; with 1 they stay as well.
      kept_rate: factor of the learning rate of weights that were taken over.
    """

    freeze: tuple[str, ...] = ()
    freeze_until: float = 1.0
    kept_rate: float = 1.0

    def __post_init__(self) -> None:
        until = self.freeze_until
        require(0 < until <= 1, "freeze_until", until, "above 0, at most 1")
        rate = self.kept_rate
        require(0 < rate <= 1, "kept_rate", rate, "above 0, at most 1; freeze holds weights still")
