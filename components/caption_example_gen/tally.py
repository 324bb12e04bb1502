"""Counting what went through ingestion, whatever the number of workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import apache_beam as beam

from data.sources import Loaded, Reject

Tally = Counter[tuple[str, str]]


class CountOutcomes(beam.CombineFn):
    """Combines kept pictures and rejects into one `Tally` of (what, kind) pairs."""

    def create_accumulator(self) -> Tally:
        return Counter()

    def add_input(self, mutable_accumulator: Tally, element: Loaded | Reject) -> Tally:
        mutable_accumulator.update(_facts(element))
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Tally]) -> Tally:
        return sum(accumulators, Counter())

    def extract_output(self, accumulator: Tally) -> Tally:
        return accumulator


def _facts(element: Loaded | Reject) -> Tally:
    if isinstance(element, Reject):
        return Counter({("rejects", element.reason): 1})
    facts: Tally = Counter()
    facts["pictures", element.split] = 1
    facts["bytes", element.split] = len(element.picture.encoded)
    facts["formats", f"{element.picture.format} {element.picture.mode}"] = 1
    facts.update(("captions", language) for language in element.row.languages)
    facts.update(("dropped_captions", reason) for reason in element.row.dropped)
    facts.update(("mended", what) for what in element.row.mended)
    return facts


def section(tally: Tally, what: str) -> dict[str, int]:
    """Returns the counts of `what` by kind, largest first."""
    found = [(kind, count) for (name, kind), count in tally.items() if name == what]
    return dict(sorted(found, key=lambda item: (-item[1], item[0])))
