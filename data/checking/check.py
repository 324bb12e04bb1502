"""Reads a data set like a run: statistics, findings with remedies, and sample pictures."""

from __future__ import annotations

import heapq
import io
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from PIL import Image

from data.base.errors import DataError
from data.base.files import natural_key
from data.checking import vocabulary_coverage
from data.checking.checks import run_all, unread_files
from data.checking.findings import (
    DEFAULT_LIMITS,
    CheckLimits,
    Facts,
    Finding,
    everything,
    first_places,
    words,
)
from data.checking.near_duplicates import thumbnail
from data.picture_files import open_picture
from data.sources import Reject, RejectReport, Source, inventory, sift
from data.sources.pictures import Loaded
from data.splits import MIN_SPLIT, SHARES, SPLITS, Placed, SplitRule, SplitTally

# Number of values that are shown of each group of attributes.
_VALUES = 40


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum of some numbers; all 0 if there are none."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Returns the spread of `values`."""
        return cls(min(values), statistics.median(values), max(values)) if values else NOTHING


NOTHING = Spread(0, 0, 0)


@dataclass(frozen=True)
class CaptionFigures:
    """Statistics of the captions of one language.

    Attributes:
      lengths: number of captions by number of words.
      vocabulary: number of distinct words. once: those that occur only once.
    """

    count: int
    distinct: int
    words: Spread
    lengths: dict[int, int]
    vocabulary: int
    once: int


@dataclass(frozen=True)
class LabelFigures:
    """Statistics of one group of attributes.

    Attributes:
      pictures: number of pictures with a value. values: number of distinct values.
      commonest: number of pictures by value, most frequent first.
      rare: values of fewer than five pictures.
    """

    pictures: int
    values: int
    commonest: dict[str, int]
    rare: int


@dataclass
class Tally:
    """Counts that are updated picture by picture."""

    formats: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    heights: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    lengths: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    texts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    words: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    labels: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    labelled: Counter[str] = field(default_factory=Counter)

    def add(self, loaded: Loaded) -> None:
        """Counts one picture."""
        picture = loaded.picture
        self.formats[picture.format] += 1
        self.modes[picture.mode] += 1
        self.heights.append(picture.height)
        self.widths.append(picture.width)
        for caption, language in zip(loaded.row.captions, loaded.row.languages, strict=True):
            found = words(caption)
            self.lengths[language][len(found)] += 1
            self.texts[language][caption] += 1
            self.words[language].update(found)
        groups = [name.rpartition(":") for name in loaded.row.attributes]
        self.labelled.update({group for group, _, _ in groups})
        for group, _, value in groups:
            self.labels[group][value] += 1

    def smaller(self, resolution: int) -> int:
        """Returns the number of pictures with a side below `resolution`."""
        sides = zip(self.heights, self.widths, strict=True)
        return sum(min(height, width) < resolution for height, width in sides)

    def captions(self) -> dict[str, CaptionFigures]:
        """Returns the statistics of each language."""
        return {
            language: CaptionFigures(
                count=lengths.total(),
                distinct=len(self.texts[language]),
                words=Spread.of(sorted(lengths.elements())),
                lengths=dict(sorted(lengths.items())),
                vocabulary=len(self.words[language]),
                once=sum(count == 1 for count in self.words[language].values()),
            )
            for language, lengths in sorted(self.lengths.items())
        }

    def attributes(self) -> dict[str, LabelFigures]:
        """Returns the statistics of each group of attributes."""
        return {
            group: LabelFigures(
                pictures=self.labelled[group],
                values=len(counts),
                commonest=dict(counts.most_common(_VALUES)),
                rare=sum(count < 5 for count in counts.values()),
            )
            for group, counts in sorted(self.labels.items())
        }


_SIDE = 96
_QUALITY = 80
_COLUMNS = 8


@dataclass(frozen=True)
class Sample:
    """A picture of the contact sheet: a JPEG of at most 96 pixels, its place, split and first
    caption."""

    where: str
    split: str
    caption: str
    jpeg: bytes


@dataclass
class Sampler:
    """Keeps the `count` pictures of a stream with the smallest content hashes."""

    count: int = 48
    _kept: list[tuple[int, str, Placed, Sample]] = field(default_factory=list)

    def add(self, loaded: Loaded) -> None:
        """Adds one picture; decodes it only if it may be kept."""
        lot = -int(loaded.content_hash, 16)
        if len(self._kept) >= self.count and not (self._kept and lot > self._kept[0][0]):
            return
        held = (lot, loaded.row.where, loaded.placed(), _sample(loaded))
        if len(self._kept) < self.count:
            heapq.heappush(self._kept, held)
        else:
            heapq.heapreplace(self._kept, held)

    def samples(self, rule: SplitRule) -> tuple[Sample, ...]:
        """Returns the kept pictures in the order of their hashes, with the splits of `rule`."""
        return tuple(
            replace(sample, split=rule.split_of(placed))
            for _, _, placed, sample in sorted(self._kept, reverse=True)
        )


def _sample(loaded: Loaded) -> Sample:
    target = io.BytesIO()
    file = open_picture(loaded.picture.encoded)
    file.image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
    shown = file.rgb()
    shown.thumbnail((_SIDE, _SIDE))
    shown.save(target, "JPEG", quality=_QUALITY)
    return Sample(loaded.row.where, loaded.split, loaded.row.captions[0], target.getvalue())


def sheet(samples: tuple[Sample, ...]) -> bytes:
    """Returns a JPEG with the pictures in rows of eight; empty if there are none."""
    if not samples:
        return b""
    rows = -(-len(samples) // _COLUMNS)
    whole = Image.new("RGB", (_COLUMNS * _SIDE, rows * _SIDE), "white")
    for place, sample in enumerate(samples):
        image = open_picture(sample.jpeg).rgb()
        spare = ((_SIDE - length) // 2 for length in image.size)
        left, top = next(spare), next(spare)
        cell = (place % _COLUMNS * _SIDE + left, place // _COLUMNS * _SIDE + top)
        whole.paste(image, cell)
    target = io.BytesIO()
    whole.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()


_FEW = 1000
_MANY_SMALL = 0.1

Wrap = Callable[[Iterator[Loaded]], Iterable[Loaded]]


@dataclass(frozen=True)
class CheckResult:
    """The result of checking a data set.

    Attributes:
      source, fingerprint: the source.
      resolution: of the models; `smaller` counts pictures with a shorter side below it.
      pictures: number of usable pictures; `splits`, `formats` and `modes` count them.
      heights, widths: in pixels.
      captions: statistics by language. A Han character counts as a word.
      attributes: statistics by group.
      reject_reasons, dropped_captions, mended: counts of rejects and dropped captions by reason,
        and of corrections by policy.
      rejects: all rejected rows and pictures.
      files: numbers of files in the source's local folders: `read`, `rejected`, or the reason why
        they were ignored.
      model: the coverage of the words by a given model, or None.
      findings: those that stop a run first.
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
    model: vocabulary_coverage.KnownFigures | None = None
    findings: tuple[Finding, ...] = ()
    samples: tuple[Sample, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a run can start on this data."""
        return not any(finding.stops for finding in self.findings)

    def to_json(self) -> str:
        """Returns everything except the samples as a JSON object, with `ok`."""
        held = asdict(self)
        del held["samples"]
        return json.dumps({"ok": self.ok, **held}, ensure_ascii=False, indent=2)


def unreadable(path: str, error: DataError) -> CheckResult:
    """Returns the result for a source that cannot be read at all."""
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
    model: vocabulary_coverage.ModelWords | None = None,
    progress: Wrap = iter,
) -> CheckResult:
    """Opens every picture of a source and checks the data.

    Args:
      source: from `open_source`; its own limits apply to single pictures.
      limits: of the data as a whole.
      resolution: of the models, in pixels.
      shares: of train, val and test, for rows without a split.
      min_split: a split with fewer pictures is cut from the others, see `data.splits`.
      max_reject_share: maximum fraction of rejected rows, 0 to 1.
      model: whose vocabulary the words are compared with; None for no comparison.
      progress: wraps the iterator over pictures, such as a progress bar.

    Raises:
      DataError: the source cannot be read at all.
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
    found += unread_files(counted)
    figures = None
    if model is not None:
        figures, lost = vocabulary_coverage.compare(everything(splits), model)
        found += vocabulary_coverage.findings(figures, lost, limits)
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
    """Yields a finding for each reason of rejects, and for captions dropped from rows."""
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
    """Returns the finding that a split was cut from the others; see `SplitRule.sentences`."""
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
