"""Generated pictures as a set: KID, FID, precision, recall, density, coverage, inception score."""

from __future__ import annotations

from collections.abc import Callable

from trainer.evaluation.evidence import Evidence, NotMeasured
from trainer.evaluation.figures import figure, sample_name
from trainer.evaluation.judging import MEAN_IMAGE, NEAREST_BY_TEXT
from trainer.evaluation.spaces import Space, judges_space, pixel_spaces
from trainer.metrics.distribution import fid, fid_interval, kid
from trainer.metrics.inception_score import inception_score
from trainer.metrics.manifold import DENSITY_K, PRECISION_K, cover
from trainer.metrics.result import Metric

_MEANINGS = {
    "precision": "Share of generated pictures that lie in the ball of some real one",
    "recall": "Share of real pictures that lie in the ball of some generated one",
    "density": "Mean number of balls of real pictures around a generated one, over k",
    "coverage": "Share of real pictures whose ball holds some generated one",
}


def distances(evidence: Evidence) -> list[Metric]:
    """`kid_..._n...` and `fid_..._n...` in each space; of Inception its score too."""
    _require_pictures(evidence)
    found = _distances(evidence, judges_space(evidence))
    for space in pixel_spaces(evidence):
        found += _distances(evidence, space)
        if space.classes:
            found.append(_inception_score(evidence, space))
    return found


def coverage(evidence: Evidence) -> list[Metric]:
    """`precision_k3`, `recall_k3`, `density_k5` and `coverage_k5`, in the judge's space."""
    _require_pictures(evidence)
    space, seed = judges_space(evidence), evidence.settings.seed
    least = max(PRECISION_K, DENSITY_K) + 1
    if min(len(space.real), len(space.training)) < least:
        raise NotMeasured(f"it takes {least} test pictures and training pictures or more")
    estimates = cover(space.real, space.fake).estimates(seed)
    ceilings = cover(space.real, space.training).values() if _even(space) else {}
    others = {name: cover(space.real, x).values() for name, x in space.baselines.items()}
    neighbours = {"precision": PRECISION_K, "recall": PRECISION_K}
    found = []
    for name, meaning in _MEANINGS.items():
        k = neighbours.get(name, DENSITY_K)
        found.append(
            figure(
                evidence,
                f"{name}_k{k}",
                estimates[name],
                f"{meaning}; balls reach to the picture's {_ordinal(k)} nearest of its own set. "
                f"{_pairs(evidence, space)}.",
                n=len(space.real),
                ceiling=ceilings.get(name),
                baselines={other: values[name] for other, values in others.items()},
                extractor=space.extractor,
            )
        )
    return found


def _require_pictures(evidence: Evidence) -> None:
    if evidence.generated is None:
        raise NotMeasured("there is no generator")


def _distances(evidence: Evidence, space: Space) -> list[Metric]:
    n, seed = len(space.real), evidence.settings.seed

    def of(
        name: str, measured, distance: Callable[..., float], words: str, ceiling: bool = True
    ) -> Metric:
        return figure(
            evidence,
            f"{name}_{space.name}_{sample_name(n)}",
            measured,
            f"{words}: {_pairs(evidence, space)}.",
            n=n,
            ceiling=distance(space.real, space.training) if ceiling else None,
            higher_is_better=False,
            baselines={key: distance(space.real, x) for key, x in space.baselines.items()},
            extractor=space.extractor,
        )

    return [
        of(
            "kid",
            kid(space.real, space.fake, seed=seed),
            lambda real, fake: kid(real, fake, rounds=0).value,
            "Unbiased squared MMD with kernel (x.y / d + 1)^3",
        ),
        of(
            "fid",
            fid_interval(space.real, space.fake, seed=seed),
            fid,
            "Squared Frechet distance of Gaussians, biased upwards by small N",
            _even(space),
        ),
    ]


def _inception_score(evidence: Evidence, space: Space) -> Metric:
    seed, classes = evidence.settings.seed, space.classes
    return figure(
        evidence,
        f"inception_score_{sample_name(len(space.fake))}",
        inception_score(classes["fake"], seed=seed),
        f"exp of the mean KL(p(y|x) || p(y)) over {len(space.fake)} generated pictures at once, "
        f"classes of ImageNet in {space.words}; the ceiling is the test pictures.",
        n=len(space.fake),
        chance=1.0,
        ceiling=inception_score(classes["real"], rounds=0).value,
        baselines={
            name: inception_score(classes[name], rounds=0).value
            for name in (MEAN_IMAGE, NEAREST_BY_TEXT)
        },
        extractor=space.extractor,
    )


def _even(space: Space) -> bool:
    """Whether there are as many training pictures as generated ones: what depends on their number
    has no ceiling from fewer."""
    return len(space.training) == len(space.fake)


def _pairs(evidence: Evidence, space: Space) -> str:
    n = len(space.real)
    return (
        f"{n} pictures generated from one caption each of {n} test pictures, against those test "
        f"pictures, in {space.words}; the ceiling, if there is one, is {len(space.training)} "
        "training pictures against the same test pictures"
    )


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")
