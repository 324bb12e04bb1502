"""Agreement of generated pictures with their captions."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from data.languages import primary
from trainer.evaluation.checks import ExactCheck
from trainer.evaluation.encoder_figures import pool_size
from trainer.evaluation.figures import figure
from trainer.evaluation.inputs import (
    MEAN_IMAGE,
    NEAREST_BY_TEXT,
    Described,
    Evidence,
    NotMeasured,
    Seen,
    ServedCaptioner,
    ServedSpace,
    decode,
    describe,
    one_each,
)
from trainer.evaluation.slices import Examples, slices, terciles
from trainer.metrics.diversity import mean_distance
from trainer.metrics.intervals import Estimate, share
from trainer.metrics.recognition import Agreement, attribute_agreement
from trainer.metrics.result import Metric
from trainer.metrics.retrieval import clip_score, r_precision, text_sensitivity
from trainer.metrics.tokens import split_of

# R-precision, attribute agreement, pixel check and cycle agreement.


Verdicts = list[dict[str, bool]]

# Pixel checks take milliseconds a picture; this many suffice for ceiling and baselines.
_COMPARED = 300


def precision_of_retrieval(evidence: Evidence) -> list[Metric]:
    """`r_precision_1of100`: a generated picture retrieves its own caption."""
    judged = evidence.judged
    if judged.fake is None:
        raise NotMeasured("there is no generator")
    pool, seed, groups = pool_size(evidence), evidence.settings.seed, evidence.prompts.meanings

    def of(seen: Seen) -> Estimate:
        return r_precision(seen.embedding, judged.text, pool, seed, groups)

    return [
        figure(
            evidence,
            f"r_precision_1of{pool}",
            of(judged.fake),
            f"A generated picture finds its caption among {pool - 1} captions of other test "
            f"pictures that say something else, in the space of {judged.words} (expectation over "
            "all draws); the ceiling is the real pictures of these captions.",
            n=len(judged.text),
            chance=1 / pool,
            ceiling=of(judged.real).value,
            baselines={name: of(seen).value for name, seen in judged.baselines.items()},
            extractor=judged.encoder.extractor,
        )
    ]


def attributes(evidence: Evidence) -> list[Metric]:
    """`attribute_agreement` and its slices: the recogniser finds the attributes that the caption
    names."""
    judged = evidence.judged
    if judged.fake is None:
        raise NotMeasured("there is no generator")

    def of(seen: Seen) -> Agreement:
        return attribute_agreement(
            seen.scores,
            judged.encoder.names,
            evidence.prompts.wanted,
            kind=evidence.reader.kind,
            seed=evidence.settings.seed,
        )

    found = of(judged.fake)
    if not found.judged:
        raise NotMeasured("no caption names an attribute that the recogniser can choose")
    real = of(judged.real)
    rivals = {name: of(seen) for name, seen in judged.baselines.items()}
    return [
        figure(
            evidence,
            "attribute_agreement",
            found.estimate,
            f"Share of {found.judged} attributes named by captions whose value has the highest "
            f"score within its group, by the recogniser of {judged.words}, on pictures generated "
            f"from these captions ({found.unjudged} named attributes are outside its choice); the "
            "ceiling is the real pictures of these captions.",
            n=found.pictures,
            chance=found.chance,
            ceiling=real.estimate.value,
            baselines={
                **{name: rival.estimate.value for name, rival in rivals.items()},
                **{f"chance_{kind}": value for kind, value in found.chance_parts.items()},
            },
            parts=found.parts,
            extractor=judged.encoder.extractor,
        ),
        *slices(
            evidence,
            "attribute_agreement",
            Examples(
                rows=found.pairs.rows,
                value=found.pairs.right,
                chance=found.pairs.chance,
                ceiling=real.pairs.right,
                baselines={name: rival.pairs.right for name, rival in rivals.items()},
            ),
            _parts(evidence, found),
            "Share of attributes named by captions whose value has the highest score within its "
            f"group, by the recogniser of {judged.words}, on pictures generated from them",
            share,
        ),
    ]


def _parts(evidence: Evidence, found: Agreement) -> dict[str, list[str]]:
    """The slices of each judged pair of picture and attribute."""
    texts, tags = evidence.prompts.texts, evidence.prompts.languages
    languages = [primary(tag) for tag in tags]
    lengths = [
        float(len(split_of(tag).tokenise(text))) for text, tag in zip(texts, languages, strict=True)
    ]
    thirds, rows = terciles(lengths, languages), found.pairs.rows
    return {
        "attribute": found.pairs.kinds.tolist(),
        "language": [languages[row] for row in rows],
        "length": [thirds[row] for row in rows],
    }


def pixels(evidence: Evidence) -> list[Metric]:
    """`pixel_agreement`: an exact check of the pixels finds the caption's claims true."""
    if evidence.check is None:
        raise NotMeasured("no exact check is named in the settings")
    if evidence.generated is None:
        raise NotMeasured("there is no generator")
    check, seed = evidence.check, evidence.settings.seed
    shown = _see(check, evidence.generated)
    found = _judge(evidence, check, shown)
    correct, claimed = _counts(found)
    if not claimed.any():
        raise NotMeasured("the exact check can read no caption")
    kinds = sorted({kind for verdict in found for kind in verdict})
    others = [shown[row] for row in np.random.default_rng(seed).permutation(len(shown))]
    real = _see(check, [record.encoded for record in evidence.records[:_COMPARED]])
    simple = {
        MEAN_IMAGE: [evidence.mean_picture] * len(real),
        NEAREST_BY_TEXT: evidence.neighbour_pictures[:_COMPARED],
    }
    return [
        figure(
            evidence,
            "pixel_agreement",
            share(correct, claimed, seed=seed),
            f"Share of {int(claimed.sum())} claims of captions ({', '.join(kinds)} of the first "
            "object) that an exact check of the pixels of the generated pictures finds true; "
            "chance is generated pictures of other captions, the ceiling up to "
            f"{_COMPARED} real pictures.",
            n=int((claimed > 0).sum()),
            chance=_share(_judge(evidence, check, others)),
            ceiling=_share(_judge(evidence, check, real)),
            baselines={
                name: _share(_judge(evidence, check, _see(check, pictures)))
                for name, pictures in simple.items()
            },
            parts={kind: _share(found, kind) for kind in kinds},
        )
    ]


def cycle(evidence: Evidence) -> list[Metric]:
    """`cycle_agreement`: caption to picture to caption; both captions name the same attributes."""
    captioner = evidence.models.captioner
    if captioner is None or evidence.fake_captions is None or evidence.captions is None:
        raise NotMeasured("it takes a generator and a captioner")
    said = evidence.fake_captions
    asked = [primary(tag) for tag in evidence.prompts.languages]
    found = _said_again(evidence, said)
    correct, wanted = _counts(found)
    if not wanted.any():
        raise NotMeasured("no caption names an attribute")
    seed = evidence.settings.seed
    other = np.random.default_rng(seed).permutation(len(found))
    kinds = sorted({kind for verdict in found for kind in _by_kind(evidence, verdict)})
    simple = {
        MEAN_IMAGE: _of_one(captioner, evidence.mean_picture, asked),
        NEAREST_BY_TEXT: _of_each(captioner, evidence.neighbour_pictures, asked),
    }
    return [
        figure(
            evidence,
            "cycle_agreement",
            share(correct, wanted, seed=seed),
            f"Share of {int(wanted.sum())} attributes named by captions that the captioner names "
            "too when it sees the picture generated from the caption and is asked for its "
            "language; chance is the captions of pictures generated from other captions, the "
            "ceiling those of the real pictures.",
            n=int((wanted > 0).sum()),
            chance=_share(_said_again(evidence, [said[row] for row in other])),
            ceiling=_share(_said_again(evidence, one_each(evidence.captions, asked))),
            baselines={
                name: _share(_said_again(evidence, captions)) for name, captions in simple.items()
            },
            parts={
                kind: _share([_by_kind(evidence, verdict).get(kind, {}) for verdict in found])
                for kind in kinds
            },
        )
    ]


def _see(check: ExactCheck, pictures: Sequence[bytes]) -> list:
    """The check's reading of each picture; equal files are read once."""
    sights = {picture: check.see(decode(picture)) for picture in set(pictures)}
    return [sights[picture] for picture in pictures]


def _judge(evidence: Evidence, check: ExactCheck, sights: Sequence) -> Verdicts:
    """Compares the readings of the first pictures with their captions."""
    prompts = evidence.prompts
    return [
        check.judge(sight, text, language)
        for sight, text, language in zip(
            sights, prompts.texts[: len(sights)], prompts.languages[: len(sights)], strict=True
        )
    ]


def _said_again(evidence: Evidence, captions: Sequence[Described]) -> Verdicts:
    """For each prompt, whether the caption in its row names each of the wanted attributes."""
    verdicts = []
    for caption, wanted in zip(captions, evidence.prompts.wanted, strict=True):
        said = evidence.reader.said(caption.text, caption.language, wanted)
        verdicts.append({name: name in said for name in wanted})
    return verdicts


def _of_each(
    captioner: ServedCaptioner, pictures: Sequence[bytes], asked: Sequence[str]
) -> list[Described]:
    """One caption of each picture, in the requested language."""
    tags = [[tag] for tag in asked]
    return one_each(describe(captioner, pictures, tags, tags), asked)


def _of_one(captioner: ServedCaptioner, picture: bytes, asked: Sequence[str]) -> list[Described]:
    """Captions of one picture, each in the requested language."""
    tags = sorted(set(asked))
    said = dict(zip(tags, _of_each(captioner, [picture] * len(tags), tags), strict=True))
    return [said[tag] for tag in asked]


def _by_kind(evidence: Evidence, verdict: dict[str, bool]) -> dict[str, dict[str, bool]]:
    kinds: dict[str, dict[str, bool]] = {}
    for name, right in verdict.items():
        kinds.setdefault(evidence.reader.kind(name), {})[name] = right
    return kinds


def _counts(verdicts: Verdicts) -> tuple[np.ndarray, np.ndarray]:
    """Per picture, how many claims hold and how many there are: float64 [N], [N]."""
    correct = np.array([sum(verdict.values()) for verdict in verdicts], np.float64)
    return correct, np.array([len(verdict) for verdict in verdicts], np.float64)


def _share(verdicts: Verdicts, kind: str | None = None) -> float:
    held = [right for verdict in verdicts for key, right in verdict.items() if kind in (None, key)]
    return float(np.mean(held)) if held else float("nan")


# Text sensitivity and CLIP score.


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
    """For each of the first `count` prompts, the row of a random prompt with another meaning.

    Args:
      meanings: of the N prompts.
      count: at most N.
      seed: of the choice.

    Returns:
      int64 [count], or None if all have the same meaning.
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
    """`clip_score` with the user's model."""
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
