"""How often 95 % intervals hold the mean of their figure over data drawn again and again.

python -m benchmarks.intervals                  # every figure; minutes
python -m benchmarks.intervals --runs 500 "width 64" right
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.metrics import captions
from trainer.metrics.distribution import cover, fid_interval, inception_score, kid
from trainer.metrics.diversity import duplicates, memorisation, prompt_diversity
from trainer.metrics.intervals import Estimate, Share, difference, share
from trainer.metrics.recognition import (
    macro_average_precision,
    micro_average_precision,
    multilabel,
    reliability,
)
from trainer.metrics.result import Metric
from trainer.metrics.retrieval import recall_at_1

Measures = dict[str, Estimate]


@dataclass(frozen=True)
class Case:
    """A figure of data that are drawn anew for each run.

    Attributes:
      name: what is measured, of what.
      draw: from a generator of random numbers to the figures by name.
      truth: their means where they are known; else that of the runs counts.
    """

    name: str
    draw: Callable[[np.random.Generator], Measures]
    truth: float | None = None


def cases() -> list[Case]:
    """All that is measured."""
    found = [
        _right(p, n) for p, n in ((0.5, 50), (0.02, 50), (0.99, 50), (0.99, 200), (0.002, 1000))
    ]
    found += [_claims(0.97, 60), _claims(0.8, 300), _retrieval(200)]
    found += [_equal(0.6), _equal(0.95), _equal(0.99)]
    found += [_covering(200, 8), _covering(200, 64), _covering(500, 16)]
    found += [_alike(200), _copied(200), _scored(200)]
    found += [_recognised(0.03, 300), _recognised(0.3, 300)]
    found += [_distances(200, 16), _varied(200), _spoken(200), _prompts()]
    return found


def coverage(case: Case, runs: int) -> dict[str, tuple[float, float, float]]:
    """By figure the mean of its values, the share of runs whose interval holds that (or the truth),
    and the mean width of the intervals."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    drawn = [case.draw(rng) for _ in range(runs)]
    found = {}
    for name in drawn[0]:
        values, low, high = np.array([one[name][:3] for one in drawn]).T
        middle = values.mean() if case.truth is None else case.truth
        inside = float(((low <= middle) & (middle <= high)).mean())
        found[name] = (float(middle), inside, float((high - low).mean()))
    return found


def _right(truth: float, n: int) -> Case:
    return Case(
        f"{n} pictures, right or wrong",
        lambda rng: {"share": share(rng.random(n) < truth, seed=0, rounds=0)},
        truth,
    )


def _claims(truth: float, n: int) -> Case:
    """Half of the pictures are right or wrong as a whole."""
    return Case(
        f"{n} pictures, 1 to 5 claims each",
        lambda rng: {"share": share(*_hits(rng, truth, n), seed=0, rounds=0)},
        truth,
    )


def _hits(rng: np.random.Generator, truth: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    judged, whole = rng.integers(1, 6, n), rng.random(n) < 0.5
    each = rng.binomial(judged, truth)
    return np.where(whole, judged * (rng.random(n) < truth), each).astype(float), judged


def _equal(truth: float) -> Case:
    """Two systems that are equally good and agree on 60 % of the pictures differ by nothing."""

    def draw(rng: np.random.Generator) -> Measures:
        (one, judged), n = _hits(rng, truth, 200), 200
        other = np.where(rng.random(n) < 0.6, one, rng.binomial(judged, truth).astype(float))
        first, second = (_metric(share(hits, judged, seed=0, rounds=2)) for hits in (one, other))
        found = difference(second, first)
        assert found.low is not None and found.high is not None
        return {"difference of two shares": Estimate(found.change, found.low, found.high)}

    return Case(f"two systems, {truth:.0%} right, 200 pictures", draw, 0.0)


def _metric(found: Estimate) -> Metric:
    assert isinstance(found, Share)
    counts = tuple((float(hits), float(judged)) for hits, judged in found.counts)
    return Metric("a", *found, len(counts), "test", 0, None, None, True, "A share.", counts=counts)


def _retrieval(n: int) -> Case:
    def draw(rng: np.random.Generator) -> Measures:
        pictures = rng.normal(size=(n, 16))
        return {"recall at 1 of 100": recall_at_1(pictures + rng.normal(0, 0.6, (n, 16)), pictures)}

    return Case(f"{n} pairs", draw)


def _sets(rng: np.random.Generator, n: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(n, width)), rng.normal(0.1, 0.9, (n, width))


def _covering(n: int, width: int) -> Case:
    return Case(
        f"{n} + {n} pictures, width {width}",
        lambda rng: cover(*_sets(rng, n, width)).estimates(int(rng.integers(1000))),
    )


def _distances(n: int, width: int) -> Case:
    def draw(rng: np.random.Generator) -> Measures:
        sets, seed = _sets(rng, n, width), int(rng.integers(1000))
        return {"fid": fid_interval(*sets, seed=seed), "kid": kid(*sets, seed=seed, rounds=200)}

    return Case(f"{n} + {n} pictures, width {width}, as wholes", draw)


def _alike(n: int) -> Case:
    def draw(rng: np.random.Generator) -> Measures:
        fake, real = rng.normal(0, 0.8, (n, 8)), rng.normal(size=(n, 8))
        return {"duplicate_rate": duplicates(fake, real, seed=int(rng.integers(1000))).estimate}

    return Case(f"{n} + {n} pictures, nearest to each other", draw)


def _copied(n: int) -> Case:
    training = np.random.default_rng(0).random((100, 48))

    def draw(rng: np.random.Generator) -> Measures:
        sets, seed = (rng.random((n, 48)), rng.random((n, 48))), int(rng.integers(1000))
        return {"memorisation": memorisation(*sets, training, seed=seed).estimate}

    return Case(f"{n} generated and {n} held-out pictures", draw)


def _scored(n: int) -> Case:
    return Case(
        f"{n} pictures, 100 classes",
        lambda rng: {"inception_score": inception_score(rng.dirichlet(np.full(100, 0.05), n))},
    )


def _recognised(frequency: float, n: int) -> Case:
    def draw(rng: np.random.Generator) -> Measures:
        labels = rng.random((n, 30)) < frequency
        scores = 1 / (1 + np.exp(-rng.normal(size=labels.shape) - 3 * labels + 1.5))
        found = multilabel(scores, labels)
        return {
            "average_precision_macro": macro_average_precision(scores, labels),
            "average_precision_micro": micro_average_precision(scores, labels),
            "f1_macro": found.macro_f1,
            "f1_micro": found.micro_f1,
            "calibration_error": reliability(scores, labels).error,
        }

    return Case(f"{n} pictures, 30 labels on {frequency:.0%}", draw)


def _sentences(rng: np.random.Generator, n: int) -> list[list[str]]:
    """Captions of 5 to 12 words out of 500, few of them frequent."""
    odds = 1 / np.arange(1, 501)
    words = rng.choice(500, (n, 12), p=odds / odds.sum())
    lengths = rng.integers(5, 13, n)
    return [[str(word) for word in row[:size]] for row, size in zip(words, lengths, strict=True)]


def _varied(n: int) -> Case:
    def draw(rng: np.random.Generator) -> Measures:
        said = _sentences(rng, n)
        short = [words[:2] for words in said]
        return {
            "distinct1": captions.distinct(said, 1),
            "distinct2": captions.distinct(said, 2),
            "distinct_captions": captions.distinct_captions(short),
            "vocabulary_used": captions.vocabulary_used(said, {str(word) for word in range(500)}),
        }

    return Case(f"{n} captions", draw)


def _spoken(n: int) -> Case:
    def draw(rng: np.random.Generator) -> Measures:
        people = _sentences(rng, n)
        said = [
            " ".join(word if rng.random() < 0.7 else str(rng.integers(500)) for word in words)
            for words in people
        ]
        found = captions.measure(said, [[" ".join(words)] for words in people], False).intervals()
        return {name: found[name] for name in ("bleu1", "bleu4", "rouge_l", "cider_d")}

    return Case(f"{n} captions with references", draw)


def _prompts() -> Case:
    def draw(rng: np.random.Generator) -> Measures:
        spread = rng.gamma(4, 0.1, (16, 1, 1))
        groups = rng.normal(size=(16, 1, 8)) + spread * rng.normal(size=(16, 8, 8))
        return {"prompt_diversity": prompt_diversity(groups, rng.normal(size=(300, 8)))}

    return Case("16 prompts of 8 pictures", draw)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", help="parts of the names of data (all)")
    parser.add_argument("--runs", type=int, default=200, help="of each (200)")
    asked = parser.parse_args(arguments)
    print("| figure | of | mean | intervals that hold it | mean width |\n|---|---|---|---|---|")
    for case in cases():
        if asked.figures and not any(part in case.name for part in asked.figures):
            continue
        for name, (middle, inside, width) in coverage(case, asked.runs).items():
            line = f"| {name} | {case.name} | {middle:.3g} | {inside:.1%} | {width:.2g} |"
            print(line, flush=True)


if __name__ == "__main__":
    main()
