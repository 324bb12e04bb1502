"""Looking at a data set before anything is trained on it: figures, and problems with remedies."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from data.sources import DEFAULT_LIMITS, Limits, Source
from data.sources.loading import Loaded
from data.sources.report import RejectReport, sift
from data.splits import SHARES, SPLITS

_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_WORD = re.compile(rf"[{_HAN}]|[^\W_{_HAN}]+(?:['’-][^\W_{_HAN}]+)*")
_FEW = 1000
_MANY_SMALL = 0.1


@dataclass(frozen=True)
class Problem:
    """Something a person should know or put right.

    Attributes:
      what, where, remedy: as in `data.errors.DataError`.
      stops: whether a run on this data would stop because of it.
    """

    what: str
    where: str
    remedy: str
    stops: bool


@dataclass(frozen=True)
class Spread:
    """The least, the middle and the greatest of some numbers; all 0 where there are none."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Returns the spread of `values`."""
        return cls(min(values), statistics.median(values), max(values)) if values else cls(0, 0, 0)


@dataclass(frozen=True)
class CaptionFigures:
    """The captions of one language: how many, how many different ones, and their words."""

    count: int
    distinct: int
    words: Spread
    vocabulary: int


@dataclass(frozen=True)
class CheckResult:
    """What a data set holds.

    Attributes:
      source, fingerprint: what was looked at.
      resolution: that pictures are wanted at; `smaller` counts those with a shorter side below it.
      pictures: that can be used; `splits`, `formats` and `modes` count them.
      heights, widths: in pixels.
      captions: figures by language. A Han character counts as a word.
      attributes: number of different values by group.
      rejects, dropped_captions: what is left out, by reason.
      problems: the ones that stop a run first.
    """

    source: str
    fingerprint: str
    resolution: int
    pictures: int
    splits: dict[str, int]
    formats: dict[str, int]
    modes: dict[str, int]
    heights: Spread
    widths: Spread
    smaller: int
    captions: dict[str, CaptionFigures]
    attributes: dict[str, int]
    rejects: dict[str, int]
    dropped_captions: dict[str, int]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether a run can start on this data."""
        return not any(problem.stops for problem in self.problems)

    def to_json(self) -> str:
        """Returns all of it as a JSON object, with `ok`."""
        return json.dumps({"ok": self.ok, **asdict(self)}, ensure_ascii=False, indent=2)


@dataclass
class _Tally:
    """Counts that grow picture by picture."""

    splits: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    heights: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    lengths: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    texts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    words: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    attributes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, loaded: Loaded) -> None:
        picture = loaded.picture
        self.splits[loaded.split] += 1
        self.formats[picture.format] += 1
        self.modes[picture.mode] += 1
        self.heights.append(picture.height)
        self.widths.append(picture.width)
        for caption, language in zip(loaded.row.captions, loaded.row.languages, strict=True):
            words = _WORD.findall(caption.casefold())
            self.lengths[language].append(len(words))
            self.texts[language].add(caption)
            self.words[language].update(words)
        for name in loaded.row.attributes:
            group, _, value = name.rpartition(":")
            self.attributes[group].add(value)

    def captions(self) -> dict[str, CaptionFigures]:
        return {
            language: CaptionFigures(
                count=len(lengths),
                distinct=len(self.texts[language]),
                words=Spread.of(lengths),
                vocabulary=len(self.words[language]),
            )
            for language, lengths in sorted(self.lengths.items())
        }


def check(
    source: Source,
    *,
    limits: Limits = DEFAULT_LIMITS,
    resolution: int = 64,
    shares: Sequence[float] = SHARES,
    max_reject_share: float = 0.05,
    progress: Callable[[Iterator[Loaded]], Iterable[Loaded]] = iter,
) -> CheckResult:
    """Opens every picture of a source and returns what is in it.

    Args:
      source: from `open_source`.
      limits: of one picture.
      resolution: in pixels, that pictures are wanted at.
      shares: of train, val and test, for rows that name no split.
      max_reject_share: of the rows that a run may lose, 0 to 1.
      progress: wraps the pictures as they pass, such as a progress bar.

    Raises:
      DataError: the source as a whole cannot be read.
    """
    report, tally = RejectReport(), _Tally()
    for loaded in progress(sift(source, report, limits, shares)):
        tally.add(loaded)
    smaller = sum(map(lambda *sides: min(sides) < resolution, tally.heights, tally.widths))
    problems = [*_reject_problems(report, max_reject_share), *_split_problems(tally, source.path)]
    problems += _size_problems(report.kept, smaller, resolution, source.path)
    return CheckResult(
        source=source.describe(),
        fingerprint=source.fingerprint(),
        resolution=resolution,
        pictures=report.kept,
        splits={split: tally.splits[split] for split in SPLITS},
        formats=dict(tally.formats.most_common()),
        modes=dict(tally.modes.most_common()),
        heights=Spread.of(tally.heights),
        widths=Spread.of(tally.widths),
        smaller=smaller,
        captions=tally.captions(),
        attributes={group: len(held) for group, held in sorted(tally.attributes.items())},
        rejects=report.by_reason(),
        dropped_captions=dict(report.dropped_captions.most_common()),
        problems=tuple(sorted(problems, key=lambda problem: not problem.stops)),
    )


def _reject_problems(report: RejectReport, max_share: float) -> Iterator[Problem]:
    stops = report.share > max_share or not report.kept
    for reason, count in report.by_reason().items():
        first = report.first(reason)
        shown = f"{first.image}: {first.detail}" if first.image else first.detail
        yield Problem(f"{count} {reason} ({shown})", first.where, first.remedy, stops)
    if report.dropped_captions:
        counts = ", ".join(f"{count} {why}" for why, count in report.dropped_captions.items())
        what = f"captions were left out of rows that stayed: {counts}"
        yield Problem(what, "captions", "Correct or remove them.", False)


def _split_problems(tally: _Tally, path: str) -> Iterator[Problem]:
    for split in SPLITS:
        if not tally.splits[split]:
            remedy = "Put more pictures in, or let splits be decided by content (resplit)."
            yield Problem(f"no picture is in {split}", path, remedy, True)


def _size_problems(pictures: int, smaller: int, resolution: int, path: str) -> Iterator[Problem]:
    if pictures < _FEW:
        remedy = "Expect pictures learned by heart; more of them help most."
        yield Problem(f"{pictures} pictures are few to learn from", path, remedy, False)
    if smaller > _MANY_SMALL * pictures:
        what = f"{smaller} of {pictures} pictures are smaller than {resolution} pixels"
        yield Problem(what, path, "Choose a lower resolution, or larger pictures.", False)
