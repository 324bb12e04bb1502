"""Reading a data set as a run would: figures, findings with remedies, and a few pictures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from data.base.errors import DataError
from data.base.files import natural_key
from data.checking import file_checks, known
from data.checking.checks import run_all
from data.checking.facts import Facts, everything
from data.checking.figures import NOTHING, CaptionFigures, LabelFigures, Spread, Tally
from data.checking.findings import DEFAULT_LIMITS, CheckLimits, Finding, first_places
from data.checking.looks import thumbnail
from data.checking.samples import Sample, Sampler
from data.sources import Reject, RejectReport, Source, inventory, sift
from data.sources.pictures import Loaded
from data.splits import MIN_SPLIT, SHARES, SPLITS, SplitRule, SplitTally

_FEW = 1000
_MANY_SMALL = 0.1

Wrap = Callable[[Iterator[Loaded]], Iterable[Loaded]]


@dataclass(frozen=True)
class CheckResult:
    """What a data set holds.

    Attributes:
      source, fingerprint: what was looked at.
      resolution: that pictures are wanted at; `smaller` counts those with a shorter side below it.
      pictures: that can be used; `splits`, `formats` and `modes` count them.
      heights, widths: in pixels.
      captions: figures by language. A Han character counts as a word.
      attributes: figures by group.
      reject_reasons, dropped_captions, mended: what was left out, and what a policy has put right.
      rejects: every row and picture left out.
      files: in the source's folders on this disk, by what became of each: `read`, `rejected`, or
        the reason why it was ignored.
      model: what a given model knows of the words, or None.
      findings: the ones that stop a run first.
      samples: pictures for a contact sheet.
    """

    source: str
    fingerprint: str = ""
    resolution: int = 0
    pictures: int = 0
    splits: dict[str, int] = field(default_factory=dict)
    formats: dict[str, int] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    heights: Spread = NOTHING
    widths: Spread = NOTHING
    smaller: int = 0
    captions: dict[str, CaptionFigures] = field(default_factory=dict)
    attributes: dict[str, LabelFigures] = field(default_factory=dict)
    reject_reasons: dict[str, int] = field(default_factory=dict)
    dropped_captions: dict[str, int] = field(default_factory=dict)
    mended: dict[str, int] = field(default_factory=dict)
    rejects: tuple[Reject, ...] = ()
    files: dict[str, int] = field(default_factory=dict)
    model: known.KnownFigures | None = None
    findings: tuple[Finding, ...] = ()
    samples: tuple[Sample, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a run can start on this data."""
        return not any(finding.stops for finding in self.findings)

    def to_json(self) -> str:
        """Returns all of it but the samples as a JSON object, with `ok`."""
        held = asdict(self)
        del held["samples"]
        return json.dumps({"ok": self.ok, **held}, ensure_ascii=False, indent=2)


def unreadable(path: str, error: DataError) -> CheckResult:
    """Returns the result of a source that cannot be read as a whole."""
    finding = Finding("unreadable_source", True, error.problem, error.remedy, (error.where,))
    return CheckResult(source=path, findings=(finding,))


def check(
    source: Source,
    *,
    limits: CheckLimits = DEFAULT_LIMITS,
    resolution: int = 64,
    shares: Sequence[float] = SHARES,
    min_split: int = MIN_SPLIT,
    max_reject_share: float = 0.05,
    model: known.ModelWords | None = None,
    progress: Wrap = iter,
) -> CheckResult:
    """Opens every picture of a source and returns what is in it.

    Args:
      source: from `open_source`; its own limits hold for single pictures.
      limits: of the data as a whole.
      resolution: in pixels, that pictures are wanted at.
      shares: of train, val and test, for rows that name no split.
      min_split: a split of fewer pictures is cut from the others, see `data.splits`.
      max_reject_share: of the rows that a run may lose, 0 to 1.
      model: to compare the words with; None compares with nothing.
      progress: wraps the pictures as they pass, such as a progress bar.

    Raises:
      DataError: the source as a whole cannot be read.
    """
    report, tally, sampler = RejectReport(), Tally(), Sampler()
    places, seen = SplitTally(shares), []
    for loaded in progress(sift(source, report, source.limits, shares)):
        tally.add(loaded)
        sampler.add(loaded)
        places.add(loaded.placed())
        seen.append((_facts(loaded), loaded.placed()))
    rule = SplitRule.of(places, min_split)
    splits: dict[str, list[Facts]] = defaultdict(list)
    for facts, placed in seen:
        splits[rule.split_of(placed)].append(facts)
    report.rejects.sort(key=lambda reject: natural_key(reject.where))
    found = [*_reject_findings(report, max_reject_share), *run_all(splits, limits)]
    found += map(cut_split, rule.sentences())
    found += _size_findings(report.kept, tally.smaller(resolution), resolution)
    counted = inventory.take(source, report.kept)
    found += file_checks.find(counted)
    figures = None
    if model is not None:
        figures, lost = known.compare(everything(splits), model)
        found += known.findings(figures, lost, limits)
    return CheckResult(
        source=source.describe(),
        fingerprint=source.fingerprint(),
        resolution=resolution,
        pictures=report.kept,
        splits={split: rule.pictures[split] for split in SPLITS},
        formats=dict(tally.formats.most_common()),
        modes=dict(tally.modes.most_common()),
        heights=Spread.of(tally.heights),
        widths=Spread.of(tally.widths),
        smaller=tally.smaller(resolution),
        captions=tally.captions(),
        attributes=tally.attributes(),
        reject_reasons=report.by_reason(),
        dropped_captions=dict(report.dropped_captions.most_common()),
        mended=dict(report.mended.most_common()),
        rejects=tuple(report.rejects),
        files=counted.counts() if counted else {},
        model=figures,
        findings=tuple(sorted(found, key=lambda finding: not finding.stops)),
        samples=sampler.samples(rule),
    )


def _facts(loaded: Loaded) -> Facts:
    return Facts(
        image_id=loaded.row.image_id,
        captions=loaded.row.captions,
        languages=loaded.row.languages,
        attributes=loaded.row.attributes,
        content=bytes.fromhex(loaded.content_hash),
        look=thumbnail(loaded.picture.encoded),
        where=loaded.row.where,
    )


def _reject_findings(report: RejectReport, max_share: float) -> Iterator[Finding]:
    """Yields a finding for each reason to leave rows out, and for captions left out of rows."""
    stops = report.share > max_share or not report.kept
    for reason, count in report.by_reason().items():
        several = [reject for reject in report.rejects if reject.reason == reason]
        first = several[0]
        shown = f"{first.image}: {first.detail}" if first.image else first.detail
        places = first_places(reject.where for reject in several)
        yield Finding(reason, stops, f"{count} {reason} ({shown})", first.remedy, places)
    if report.dropped_captions:
        counts = ", ".join(f"{count} {why}" for why, count in report.dropped_captions.items())
        what = f"captions were left out of rows that stayed: {counts}"
        places = tuple(report.dropped_at)
        yield Finding("dropped_captions", False, what, "Correct or remove them.", places)


def cut_split(sentence: str) -> Finding:
    """Returns the note that a split was cut from the others; see `SplitRule.sentences`."""
    remedy = (
        "Nothing is to be done where that suits you. To keep the splits as the data name them: "
        "--set ingest.min_split=0."
    )
    return Finding("cut_split", False, sentence, remedy)


def _size_findings(pictures: int, smaller: int, resolution: int) -> Iterator[Finding]:
    if pictures < _FEW:
        remedy = "Expect pictures learned by heart; more of them help most."
        what = f"{pictures} pictures are few to learn from"
        yield Finding("few_pictures", False, what, remedy)
    if smaller > _MANY_SMALL * pictures:
        what = f"{smaller} of {pictures} pictures are smaller than {resolution} pixels"
        remedy = "Choose a lower resolution, or larger pictures."
        yield Finding("small_pictures", False, what, remedy)
