"""Whether a generator invents: pictures of one prompt, pictures alike, copies, overfitting."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from trainer.adapt.ada import GAP_PICTURES
from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.evaluation.judging import MEAN_IMAGE, NEAREST_BY_TEXT
from trainer.evaluation.pictures import THUMBNAIL, thumbnails
from trainer.metrics.diversity import (
    DUPLICATE_LEVEL,
    duplicates,
    mean_distance,
    prompt_diversity,
)
from trainer.metrics.intervals import Estimate
from trainer.metrics.memorisation import LEVEL, NEIGHBOURS, nearest_training
from trainer.metrics.result import Metric

# What real pictures give where that is no bound of the figure.
REAL = "real_pictures"
_LEAST_GROUPS = 10
# Training pictures that share a caption: their diversity hardly moves beyond.
_ALIKE = 1000


def diversity(evidence: Evidence) -> list[Metric]:
    """`prompt_diversity`: pictures of one prompt under several seeds."""
    generator, judged = evidence.models.generator, evidence.judged
    if generator is None:
        raise NotMeasured("there is no generator")
    settings, prompts = evidence.settings, evidence.prompts
    first = {meaning: row for row, meaning in reversed(list(enumerate(prompts.meanings)))}
    texts = [prompts.texts[row] for row in sorted(first.values())[: settings.diversity_prompts]]
    each = settings.diversity_samples
    seeds = [prompts.seeds[0] + number for number in range(each)] * len(texts)
    pictures = generator([text for text in texts for _ in range(each)], seeds)
    features = judged.encoder.embed_images(pictures).reshape(len(texts), each, -1)
    return [
        figure(
            evidence,
            "prompt_diversity",
            prompt_diversity(features, judged.real.embedding, seed=settings.seed),
            f"Mean distance among {each} seeds of one prompt, over {len(texts)} prompts, divided "
            f"by the mean distance among real test pictures, in the space of {judged.words}: 0 "
            "where the noise does not matter, 1 where the prompt does not. real_pictures is the "
            "same for training pictures that share a caption.",
            n=len(pictures),
            higher_is_better=None,
            # One picture a prompt, whatever the seed.
            baselines={**_real_diversity(evidence), MEAN_IMAGE: 0.0, NEAREST_BY_TEXT: 0.0},
            extractor=judged.encoder.extractor,
        )
    ]


def alike(evidence: Evidence) -> list[Metric]:
    """`duplicate_rate`: share of generated pictures that look like another generated one."""
    if evidence.generated is None:
        raise NotMeasured("there is no generator")
    seed, real = evidence.settings.seed, thumbnails(evidence.test_pictures)
    found = duplicates(thumbnails(evidence.generated), real, seed=seed)
    neighbours = duplicates(thumbnails(evidence.neighbour_pictures), real, seed=seed)
    return [
        figure(
            evidence,
            "duplicate_rate",
            found.estimate,
            "Share of generated pictures whose nearest other generated one, by pixels "
            f"({THUMBNAIL} x {THUMBNAIL}), is nearer than all but {DUPLICATE_LEVEL:.0%} of test "
            "pictures have another test picture, which makes real_pictures about "
            f"{DUPLICATE_LEVEL} by itself.",
            n=len(evidence.generated),
            higher_is_better=False,
            baselines={
                REAL: found.real,
                MEAN_IMAGE: 1.0,
                NEAREST_BY_TEXT: neighbours.estimate.value,
            },
        )
    ]


def copies(evidence: Evidence) -> list[Metric]:
    """`memorisation`: share of generated pictures suspiciously near to a training picture."""
    found, training = evidence.memorised, evidence.training.thumbnails
    simple = {
        MEAN_IMAGE: nearest_training(thumbnails([evidence.mean_picture]), training),
        NEAREST_BY_TEXT: nearest_training(thumbnails(evidence.neighbour_pictures), training),
    }
    return [
        figure(
            evidence,
            "memorisation",
            found.estimate,
            f"Share of generated pictures whose pixel distance ({THUMBNAIL} x {THUMBNAIL}) to the "
            f"nearest of {len(training)} training pictures, relative to the mean of the "
            f"{NEIGHBOURS} nearest, is below that of all but {LEVEL:.0%} of test pictures, which "
            f"makes real_pictures about {LEVEL} by itself.",
            n=len(found.generated.row),
            higher_is_better=False,
            baselines={REAL: found.held_out_share}
            | {
                name: float((nearest.ratio <= found.threshold).mean())
                for name, nearest in simple.items()
            },
        )
    ]


def overfitting(evidence: Evidence) -> list[Metric]:
    """`discriminator_gap`: what the generator's own training says of its discriminator."""
    if evidence.models.generator is None:
        raise NotMeasured("there is no generator")
    summary = evidence.models.generator.training()
    if summary is None or "discriminator_gap" not in summary["validation"]:
        raise NotMeasured("the generator's export tells of no discriminator")
    n = min(GAP_PICTURES, summary["held_out"])
    value = summary["validation"]["discriminator_gap"]
    return [
        figure(
            evidence,
            "discriminator_gap",
            Estimate(value, math.nan, math.nan),
            f"How far the discriminator's mean logit of {n} validation pictures has gone from "
            "that of training pictures (0) towards that of generated ones (1), at the end of "
            "training (Karras et al. 2020, equation 1, r_v); the ceiling is one that treats both "
            "alike.",
            n=n,
            split="val",
            ceiling=0.0,
            higher_is_better=False,
        )
    ]


def _real_diversity(evidence: Evidence) -> dict[str, float]:
    """`prompt_diversity` of real pictures by name; {} where too few share a caption."""
    groups = defaultdict(list)
    for row, record in enumerate(evidence.training.records):
        for caption, language in zip(record.captions, record.languages, strict=True):
            groups[evidence.reader.meaning(caption, language)].append(row)
    alike = [rows for rows in (sorted(set(rows)) for rows in groups.values()) if len(rows) > 1]
    if len(alike) < _LEAST_GROUPS:
        return {}
    counted = np.cumsum([len(rows) for rows in alike])
    alike = alike[: max(_LEAST_GROUPS, int(np.searchsorted(counted, _ALIKE)))]
    rows = sorted({row for group in alike for row in group})
    seen = dict(zip(rows, evidence.training_embedding(rows), strict=True))
    within = np.mean([mean_distance(np.stack([seen[row] for row in group])) for group in alike])
    return {REAL: float(within / mean_distance(evidence.judged.real.embedding))}
