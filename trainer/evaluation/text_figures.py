"""Whether another caption makes another picture, and what CLIP says of picture and caption."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure
from trainer.evaluation.judging import MEAN_IMAGE, NEAREST_BY_TEXT
from trainer.evaluation.served import ServedSpace
from trainer.metrics.agreement import clip_score, text_sensitivity
from trainer.metrics.diversity import mean_distance
from trainer.metrics.result import Metric


def sensitivity(evidence: Evidence) -> list[Metric]:
    """`text_sensitivity`: the same noise with another prompt's caption."""
    generator, judged, settings = evidence.models.generator, evidence.judged, evidence.settings
    if generator is None or judged.fake is None:
        raise NotMeasured("there is no generator")
    prompts = evidence.prompts
    taken = np.arange(min(settings.swapped_prompts, len(prompts.texts)))
    given = swapped(prompts.meanings, len(taken), settings.seed)
    if given is None:
        raise NotMeasured("all captions say the same")
    painted = generator(
        [prompts.texts[row] for row in given], [prompts.seeds[row] for row in taken]
    )
    scale = mean_distance(judged.real.embedding)

    def of(pictures: np.ndarray, before: np.ndarray):
        texts = judged.text[given], judged.text[taken]
        return text_sensitivity(pictures, *texts, before, scale, seed=settings.seed)

    found = of(judged.encoder.embed_images(painted), judged.fake.embedding[taken])
    others = {
        name: of(seen.embedding[given], seen.embedding[taken])
        for name, seen in {"real": judged.real, **judged.baselines}.items()
    }
    ceiling = others.pop("real")
    return [
        figure(
            evidence,
            "text_sensitivity",
            found.followed,
            f"Share of {len(taken)} pictures, painted with another prompt's caption and their own "
            "noise, that agree more with the caption given than with the one taken away, in the "
            f"space of {judged.words}; `change` is the mean distance to the picture before, over "
            "the mean distance among real ones; the ceiling is the real pictures of the captions.",
            n=len(taken),
            chance=0.5,
            ceiling=ceiling.followed.value,
            baselines={name: other.followed.value for name, other in others.items()},
            parts={"change": found.change.value, "change_of_real": ceiling.change.value},
            extractor=judged.encoder.extractor,
        )
    ]


def swapped(meanings: Sequence[Hashable], count: int, seed: int) -> np.ndarray | None:
    """For each of the first `count` prompts the row of one that says something else.

    Returns:
      int [count], or None where all say the same.
    """
    rng, n = np.random.default_rng(seed), len(meanings)
    if len(set(meanings)) < 2:
        return None
    rows = np.empty(count, np.int64)
    for row in range(count):
        first = int(rng.integers(n))
        others = ((first + step) % n for step in range(n))
        rows[row] = next(other for other in others if meanings[other] != meanings[row])
    return rows


def clip(evidence: Evidence) -> list[Metric]:
    """`clip_score` with a model that the user gives."""
    directory, settings = evidence.settings.clip_model, evidence.settings
    if directory is None:
        raise NotMeasured("no CLIP model is named in the settings (evaluation.clip_model)")
    if evidence.generated is None:
        raise NotMeasured("there is no generator")
    space = ServedSpace(directory, settings.batch_size, "clip")
    text = space.embed_text(evidence.prompts.texts)
    fake = space.embed_images(evidence.generated)
    other = np.random.default_rng(settings.seed).permutation(len(text))
    cached = evidence.cache.arrays(
        evidence.test_pictures,
        space.extractor,
        lambda: {"embedding": space.embed_images(evidence.test_pictures)},
    )
    simple = {
        MEAN_IMAGE: np.repeat(space.embed_images([evidence.mean_picture]), len(text), 0),
        NEAREST_BY_TEXT: space.embed_images(evidence.neighbour_pictures),
    }
    return [
        figure(
            evidence,
            "clip_score",
            clip_score(fake, text, seed=settings.seed),
            f"Mean of 100 max(cos, 0) of {len(text)} generated pictures and their captions in the "
            f"space of {directory}; chance is generated pictures of other captions, the ceiling "
            "the real pictures of these captions.",
            n=len(text),
            chance=clip_score(fake[other], text).value,
            ceiling=clip_score(cached["embedding"], text).value,
            baselines={name: clip_score(seen, text).value for name, seen in simple.items()},
            extractor=space.extractor,
        )
    ]
