"""How an evaluation is done."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.export_settings import LARGEST_TRUNCATION
from trainer.settings_loader import require


@dataclass(frozen=True)
class EvaluationSettings:
    """The protocol's free choices.

    Attributes:
      samples: test pictures judged, and pictures generated; fewer where the split holds fewer.
      train_samples: training pictures searched for neighbours; fewer where the split holds fewer.
      batch_size: requests in one call of a signature.
      seed: of every choice and of the generator's noise.
      diversity_prompts, diversity_samples: prompts, and pictures of each, for prompt diversity.
      exact_check: name in `trainer.evaluation.checks` of a check that knows the truth, or null.
      truncation: given to the generator with every prompt.
    """

    samples: int = 1000
    train_samples: int = 20_000
    batch_size: int = 64
    seed: int = 0
    diversity_prompts: int = 16
    diversity_samples: int = 8
    exact_check: str | None = None
    truncation: float = 1.0

    def __post_init__(self) -> None:
        for key in ("samples", "train_samples", "diversity_prompts", "diversity_samples"):
            value = getattr(self, key)
            require(value >= 2, key, value, "2 or more")
        require(self.batch_size >= 1, "batch_size", self.batch_size, "1 or more")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        allowed = f"more than 0, at most {LARGEST_TRUNCATION:g}"
        require(0 < self.truncation <= LARGEST_TRUNCATION, "truncation", self.truncation, allowed)
