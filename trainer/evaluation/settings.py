"""How an evaluation is done."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.config import LARGEST_TRUNCATION
from trainer.settings_loader import require, require_one_of

JUDGE_SPLITS = ("train", "val")


@dataclass(frozen=True)
class JudgeSettings:
    """The encoder that judges generated pictures, trained by the pipeline beside the run's own.

    A generator learns to please the encoder that it is trained against, so that one is no judge of
    it: on real data its R-precision may pass that of real pictures.

    Attributes:
      learns_from: the split that it is trained on. `val` is one that the generator never sees;
        `train` gives the better judge where val is small, but one that has seen the same pictures.
        The other of the two serves for its held-out figures and thresholds.
      minutes: of its training.
      seed: added to the run's own, for its weights and batches.
    """

    learns_from: str = "val"
    minutes: float = 0.75
    seed: int = 1

    def __post_init__(self) -> None:
        require_one_of("learns_from", self.learns_from, JUDGE_SPLITS)
        require(self.minutes > 0, "minutes", self.minutes, "more than 0")
        require(self.seed >= 1, "seed", self.seed, "1 or more: 0 is the encoder's own")


@dataclass(frozen=True)
class EvaluationSettings:
    """The protocol's free choices.

    Attributes:
      samples: test pictures judged, and pictures generated; fewer where the split holds fewer.
      train_samples: training pictures searched for neighbours; fewer where the split holds fewer.
      batch_size: requests in one call of a signature.
      seed: of every choice and of the generator's noise.
      diversity_prompts, diversity_samples: prompts, and pictures of each, for prompt diversity.
      swapped_prompts: pictures that are painted again with another caption, for text sensitivity.
      exact_check: name in `trainer.evaluation.checks` of a check that knows the truth, or null.
      truncation: given to the generator with every prompt.
      judge: an encoder of its own for generated pictures; null takes the run's encoder.
      inception_weights: a file with the weights of `keras.applications.InceptionV3`, for FID, KID
        and inception score in its space; null leaves them out.
      clip_model: a SavedModel directory with the signatures `embed_image` and `embed_text`, for
        the CLIP score; null leaves it out.
      cache_dir: keeps features of real pictures between evaluations; null keeps none.
    """

    samples: int = 1000
    train_samples: int = 20_000
    batch_size: int = 64
    seed: int = 0
    diversity_prompts: int = 16
    diversity_samples: int = 8
    swapped_prompts: int = 200
    exact_check: str | None = None
    truncation: float = 1.0
    judge: JudgeSettings | None = None
    inception_weights: str | None = None
    clip_model: str | None = None
    cache_dir: str | None = None

    def __post_init__(self) -> None:
        for key in (
            "samples",
            "train_samples",
            "diversity_prompts",
            "diversity_samples",
            "swapped_prompts",
        ):
            value = getattr(self, key)
            require(value >= 2, key, value, "2 or more")
        require(self.batch_size >= 1, "batch_size", self.batch_size, "1 or more")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        allowed = f"more than 0, at most {LARGEST_TRUNCATION:g}"
        require(0 < self.truncation <= LARGEST_TRUNCATION, "truncation", self.truncation, allowed)
