"""Counting what went through ingestion, whatever the number of workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import apache_beam as beam

from data.sources import Loaded, Reject
from data.splits import Placed, SplitRule, SplitTally

Tally = Counter[tuple[str, str]]


def of_picture(loaded: Loaded) -> Tally:
    """Returns what a picture that is kept counts for."""
    facts: Tally = Counter()
    facts["formats", f"{loaded.picture.format} {loaded.picture.mode}"] = 1
    facts.update(("captions", language) for language in loaded.row.languages)
    facts.update(("dropped_captions", reason) for reason in loaded.row.dropped)
    facts.update(("mended", what) for what in loaded.row.mended)
    return facts


def of_splits(rule: SplitRule) -> Tally:
    """Returns what the pictures count for by their splits."""
    facts: Tally = Counter()
    facts.update({("pictures", split): count for split, count in rule.pictures.items()})
    facts.update({("bytes", split): size for split, size in rule.sizes.items()})
    return facts


def of_reject(reject: Reject) -> Tally:
    """Returns what a reject counts for."""
    return Counter({("rejects", reject.reason): 1})


def taken_back(tally: Tally) -> Tally:
    """Returns what undoes the count of a picture that turns out to be a copy."""
    return Counter({fact: -count for fact, count in tally.items()})


class Sum(beam.CombineFn):
    """Adds tallies up; what was taken back altogether is left out."""

    def create_accumulator(self) -> Tally:
        return Counter()

    def add_input(self, mutable_accumulator: Tally, element: Tally) -> Tally:
        # `+` of two counters would drop what stands below zero until its picture is counted.
        mutable_accumulator.update(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Tally]) -> Tally:
        merged: Tally = Counter()
        for tally in accumulators:
            merged.update(tally)
        return merged

    def extract_output(self, accumulator: Tally) -> Tally:
        return +accumulator


class Divide(beam.CombineFn):
    """From what decides the splits of all pictures to the rule that divides them."""

    def __init__(self, shares: Sequence[float], min_split: int):
        self._shares = shares
        self._min_split = min_split

    def create_accumulator(self) -> SplitTally:
        return SplitTally(self._shares)

    def add_input(self, mutable_accumulator: SplitTally, element: Placed) -> SplitTally:
        mutable_accumulator.add(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[SplitTally]) -> SplitTally:
        merged = self.create_accumulator()
        for tally in accumulators:
            merged.merge(tally)
        return merged

    def extract_output(self, accumulator: SplitTally) -> SplitRule:
        return SplitRule.of(accumulator, self._min_split)


def section(tally: Tally, what: str) -> dict[str, int]:
    """Returns the counts of `what` by kind, largest first."""
    found = [(kind, count) for (name, kind), count in tally.items() if name == what]
    return dict(sorted(found, key=lambda item: (-item[1], item[0])))
