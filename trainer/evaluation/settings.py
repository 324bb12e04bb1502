"""Settings of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.config import LARGEST_TRUNCATION
from trainer.settings_loader import require, require_one_of

JUDGE_SPLITS = ("train", "val")


@dataclass(frozen=True)
class JudgeSettings:
    """The judge: a second encoder for metrics of generated pictures, trained by the pipeline.

    The generator is trained against the run's encoder, so metrics computed with that encoder are
    optimistic: on real data, R-precision may exceed that of real pictures.

    Attributes:
      learns_from: the split that it is trained on. The generator never sees `val`. If val is small,
        `train` gives a better judge, but one trained on the same pictures as the generator. The
        other split is used for its held-out metrics and thresholds.
      minutes: training time.
      seed: added to the run's seed, for its weights and batches.
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
    """The protocol's settings.

    Attributes:
      samples: number of test pictures, and of generated pictures; at most the size of the split.
      train_samples: training pictures searched for neighbours; at most the size of the split.
      batch_size: rows in one call of a signature.
      seed: of all random choices and of the generator's noise.
      diversity_prompts, diversity_samples: prompts, and pictures of each, for prompt diversity.
      swapped_prompts: pictures generated again with another caption, for text sensitivity.
      exact_check: name of an exact check in `trainer.evaluation.checks`, or null.
      truncation: the generator's truncation.
      judge: a second encoder for generated pictures; null uses the run's encoder.
      inception_weights: a file with the weights of `keras.applications.InceptionV3`, for FID, KID
        and inception score with its features; null leaves them out.
      clip_model: a SavedModel directory with the signatures `embed_image` and `embed_text`, for
        the CLIP score; null leaves it out.
      cache_dir: caches features of real pictures between evaluations; null for no cache.
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
