"""Counting what went through ingestion, whatever the number of workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import apache_beam as beam

from data.sources import Loaded, Reject

Tally = Counter[tuple[str, str]]


def of_picture(loaded: Loaded) -> Tally:
    """Returns what a picture that is kept counts for."""
    facts: Tally = Counter()
    facts["pictures", loaded.split] = 1
    facts["bytes", loaded.split] = len(loaded.picture.encoded)
    facts["formats", f"{loaded.picture.format} {loaded.picture.mode}"] = 1
    facts.update(("captions", language) for language in loaded.row.languages)
    facts.update(("dropped_captions", reason) for reason in loaded.row.dropped)
    facts.update(("mended", what) for what in loaded.row.mended)
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


def section(tally: Tally, what: str) -> dict[str, int]:
    """Returns the counts of `what` by kind, largest first."""
    found = [(kind, count) for (name, kind), count in tally.items() if name == what]
    return dict(sorted(found, key=lambda item: (-item[1], item[0])))
