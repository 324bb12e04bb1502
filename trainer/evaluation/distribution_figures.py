"""Generated pictures as a set: KID, FID, diversity of a prompt, copies of training pictures."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.evaluation.pictures import THUMBNAIL, thumbnail
from trainer.metrics.distribution import fid, fid_interval, kid
from trainer.metrics.diversity import mean_distance, prompt_diversity
from trainer.metrics.memorisation import LEVEL, NEIGHBOURS, memorisation
from trainer.metrics.result import Metric

_LEAST_GROUPS = 10


def distances(evidence: Evidence) -> list[Metric]:
    """`kid_encoder_n...` and `fid_encoder_n...`: generated against real test pictures."""
    if evidence.fake is None:
        raise NotMeasured("there is no generator")
    seed, n = evidence.settings.seed, len(evidence.records)
    real, fake = _features(evidence.real.embedding), _features(evidence.fake.embedding)
    others = {
        "mean_image": np.repeat(_features(evidence.mean_picture.embedding), n, 0),
        "nearest_training_image": _features(evidence.neighbours.embedding),
    }
    chosen = np.random.default_rng(seed).permutation(len(evidence.training.embedding))[:n]
    training = _features(evidence.training.embedding[chosen])
    protocol = (
        f"{n} pictures generated from one caption each of {n} test pictures, against those test "
        "pictures, in the evaluated encoder's space (unit vectors times the root of their width); "
        f"the ceiling is {len(training)} training pictures against the same test pictures"
    )
    return [
        figure(
            evidence,
            f"kid_encoder_n{n}",
            kid(real, fake, seed=seed),
            f"Unbiased squared MMD with kernel (x.y / d + 1)^3: {protocol}.",
            n=n,
            ceiling=kid(real, training, rounds=0).value,
            higher_is_better=False,
            baselines={name: kid(real, x, rounds=0).value for name, x in others.items()},
        ),
        figure(
            evidence,
            f"fid_encoder_n{n}",
            fid_interval(real, fake, seed=seed),
            f"Squared Frechet distance of Gaussians, biased upwards by small N: {protocol}.",
            n=n,
            ceiling=fid(real, training),
            higher_is_better=False,
            baselines={name: fid(real, x) for name, x in others.items()},
        ),
    ]


def diversity(evidence: Evidence) -> list[Metric]:
    """`prompt_diversity`: pictures of one prompt under several seeds."""
    generator = evidence.models.generator
    if generator is None:
        raise NotMeasured("there is no generator")
    settings, prompts = evidence.settings, evidence.prompts
    first = {meaning: row for row, meaning in reversed(list(enumerate(prompts.meanings)))}
    texts = [prompts.texts[row] for row in sorted(first.values())[: settings.diversity_prompts]]
    each = settings.diversity_samples
    seeds = [prompts.seeds[0] + number for number in range(each)] * len(texts)
    pictures = generator([text for text in texts for _ in range(each)], seeds)
    features = evidence.models.encoder.embed_images(pictures).reshape(len(texts), each, -1)
    return [
        figure(
            evidence,
            "prompt_diversity",
            prompt_diversity(features, evidence.real.embedding, seed=settings.seed),
            f"Mean distance in encoder space among {each} seeds of one prompt, over {len(texts)} "
            "prompts, divided by the mean distance among real test pictures; the ceiling is the "
            "same for real training pictures that share a caption.",
            n=len(pictures),
            ceiling=_real_diversity(evidence),
        )
    ]


def copies(evidence: Evidence) -> list[Metric]:
    """`memorisation`: share of generated pictures suspiciously near to a training picture."""
    if evidence.generated is None:
        raise NotMeasured("there is no generator")
    held_out = np.stack([thumbnail(record.encoded) for record in evidence.records])
    generated = np.stack([thumbnail(picture) for picture in evidence.generated])
    thumbnails, seed = evidence.training.thumbnails, evidence.settings.seed
    found = memorisation(generated, held_out, thumbnails, seed=seed)
    neighbours = np.stack([thumbnail(picture) for picture in evidence.neighbour_pictures])
    return [
        figure(
            evidence,
            "memorisation",
            found.estimate,
            f"Share of generated pictures whose pixel distance ({THUMBNAIL} x {THUMBNAIL}) to the "
            f"nearest of {len(thumbnails)} training pictures, relative to the mean of the "
            f"{NEIGHBOURS} nearest, is below that of all but {LEVEL:.0%} of test pictures; the "
            "ceiling is the test pictures' own share.",
            n=len(generated),
            ceiling=found.held_out,
            higher_is_better=False,
            baselines={
                "nearest_training_image": memorisation(
                    neighbours, held_out, thumbnails, seed=seed
                ).estimate.value
            },
        )
    ]


def _features(embedding: np.ndarray) -> np.ndarray:
    """Unit vectors scaled to a mean square of 1 in each dimension, which the cubic kernel needs:
    unscaled, x.y / d is near 0 and the kernel all but linear."""
    return np.asarray(embedding, np.float64) * np.sqrt(embedding.shape[1])


def _real_diversity(evidence: Evidence) -> float | None:
    groups = defaultdict(list)
    for row, record in enumerate(evidence.training.records):
        for caption, language in zip(record.captions, record.languages, strict=True):
            groups[evidence.reader.meaning(caption, language)].append(row)
    alike = [rows for rows in (sorted(set(rows)) for rows in groups.values()) if len(rows) > 1]
    if len(alike) < _LEAST_GROUPS:
        return None
    within = np.mean([mean_distance(evidence.training.embedding[rows]) for rows in alike])
    return float(within / mean_distance(evidence.real.embedding))
