"""The page: whole, with parts missing, hostile text, and what it must never hold."""

import dataclasses
import re
from dataclasses import asdict
from html.parser import HTMLParser

import pytest

from components.cross_modal_evaluator.judge import judge, read_thresholds
from components.run_report import views
from components.run_report.page import render
from components.run_report.report_data import (
    Alarm,
    Curve,
    DataFacts,
    Described,
    GateFacts,
    NodeTime,
    Painted,
    PushFacts,
    ReportData,
    SplitFacts,
    StageFacts,
    Word,
)
from trainer.metrics.result import LabelFigure, Metric
from trainer.settings_loader import SettingsError

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
METRICS = [
    Metric("agreement", 0.9, 0.88, 0.92, 400, "test", 0, 0.1, 1.0, True, "How agreement is told.",
           {"mean_image": 0.2}, {"colour": 0.95}),
    Metric("kid_n400", 0.02, None, None, 400, "test", 0, None, 0.001, False, "How KID is told."),
    Metric("f1", float("nan"), None, None, 0, "test", 0, None, None, True, "Nothing to tell."),
]  # fmt: skip
THRESHOLDS = read_thresholds(
    {
        "agreement": {"model": "generator", "min": 0.8},
        "kid_*": {"model": "generator", "max": 0.01},
        "f1": {"model": "encoder", "min": 0.5},
    }
)
SERVING = {
    "model": "captioner",
    "blessed": False,
    "sentence": "Refused: it crashed.",
    "problems": ["it crashed", "and again"],
    "latencies": [{"signature": "serving_default", "batch": 8, "first_ms": 50.0, "median_ms": 4.0}],
}
WHOLE = ReportData(
    name="scenes",
    made="2025-01-02",
    data=DataFacts(
        source="A folder of 5 pictures.",
        splits=(SplitFacts("train", 4, 2.0, (8.0, 9.0, 10.0), (8.0, 8.0, 8.0)),),
        captions={"en": 6, "zh": 4},
        rejects={"missing_file": 2},
        dropped_captions={"empty_caption": 1},
        mended={"language guessed": 7},
        anomalies=("caption/text in test: new values",),
        gate=GateFacts(True, "Nothing stands in the way.", ("one finding",)),
    ),
    stages=(
        StageFacts(
            "generator",
            {"steps": 9, "images": 90, "seconds": 61.0, "images_per_second": 1.5,
             "precision": "float32", "precision_reason": "No bfloat16 here.", "device": "CPU",
             "parameters": {"generator": 12000}, "stop_reason": "the time is spent"},
            (Curve("loss", (0.0, 90.0), (2.0, 1.0)), Curve("val_loss", (90.0,), (1.5,))),
            (Alarm("val_loss", 45.0, "the loss stood still"),),
            {"9": PIXEL},
        ),
    ),
    metrics=tuple(metric.to_json() for metric in METRICS),
    skipped={"truth": "there is no check"},
    labels=tuple(
        asdict(label)
        for label in (
            LabelFigure("word:<b>", 31, 0.5, 0.25, 0.333, 0.4, 0.125),
            LabelFigure("word:狗", 0, 0.0, 0.0, 0.0, None, 0.5),
        )
    ),
    verdicts=tuple(item.to_json() for item in judge(METRICS, THRESHOLDS, {}).values()),
    painted=(Painted("a <b>red</b> circle", "en", (1, 2), (PIXEL, PIXEL), PIXEL),),
    described=(
        Described(PIXEL, "红色的圆", -1.0, (Word("红", PIXEL),), ("a circle",), {"a:b": 0.9}),
    ),
    serving=(SERVING,),
    pushed=(PushFacts("encoder", False), PushFacts("captioner", True, "17")),
    timings=(NodeTime("Transform", 30.0), NodeTime("DataGate", 3.0, cached=True)),
    versions={"python": "3.11"},
    hardware={"CPU": "Fast One", "cores": "2"},
    config={"name": "scenes", "training": {"minutes": 8}},
)  # fmt: skip


class Reader(HTMLParser):
    """Collects tags, and the text outside of the style sheet."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self._open = [], [], []
        self.feed(html)
        self.words = re.sub(r"\s+", " ", " ".join(self.text))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self._open:
            self.text.append(data)


def page(**changes):
    return Reader(render(dataclasses.replace(WHOLE, **changes)))


@pytest.mark.parametrize(
    "words",
    [
        "scenes", "All three models are refused", "✗ cannot be served", "it crashed.",
        "not pushed", "pushed as version 17",
        "kid_n400 is 0.02, at most 0.01 is asked", "How agreement is told.", "0.88 to 0.92",
        "mean image 0.2", "colour 0.95", "A folder of 5 pictures.", "missing file",
        "empty caption", "caption/text in test: new values", "Nothing stands in the way.",
        "one finding", "9 steps", "1 min 1 s", "No bfloat16 here.", "the loss stood still",
        "it crashed", "and again", "30.0 s", "3.0 s (cached)", "Fast One", "3.11",
        "People: a circle", "truth (there is no check)", "a:b 0.9", "红色的圆", "2000",
    ],
)  # fmt: skip
def test_page_tells(words):
    assert words in page().words


def test_page_loads_nothing_and_runs_nothing():
    html = render(WHOLE)
    reader = Reader(html)
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "iframe", "object", "embed"}
    sources = [attrs["src"] for _, attrs in reader.tags if "src" in attrs]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"url\((?!data:)|@import|https?://", html)


def test_pictures_have_their_captions_as_alternative_text():
    alts = [attrs.get("alt") for tag, attrs in page().tags if tag == "img"]
    assert None not in alts
    assert "Generated, seed 1: a <b>red</b> circle" in alts
    assert "The real picture: a <b>red</b> circle" in alts
    assert "红色的圆" in alts


def test_text_from_the_data_cannot_become_markup():
    assert "<b>red</b>" not in render(WHOLE)
    evil = {"name": "</pre><script>alert(1)</script>"}
    assert "<script" not in render(dataclasses.replace(WHOLE, config=evil))


EMPTY = {
    field.name: getattr(ReportData("x"), field.name)
    for field in dataclasses.fields(ReportData)
    if field.name != "name"
}


@pytest.mark.parametrize("part", EMPTY)
def test_page_renders_without_any_one_part(part):
    assert "scenes" in page(**{part: EMPTY[part]}).words


def test_page_renders_with_nothing_but_a_name():
    words = Reader(render(ReportData("bare"))).words
    assert "The models of this run were not judged." in words
    assert words.count("This run holds no") == 4


def test_json_restores_the_same_page():
    text = WHOLE.to_json()
    assert render(ReportData.from_json(text)) == render(WHOLE)
    with pytest.raises(SettingsError, match="nmae"):
        ReportData.from_json('{"nmae": "x"}')


def verdict(model, blessed, forced=""):
    return {"model": model, "blessed": blessed, "forced": forced, "sentence": "S.", "checks": []}


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ([("encoder", True), ("captioner", True)], "All 2 models are blessed."),
        ([("encoder", True), ("captioner", False)], "Captioner is refused; the reasons are below."),
        ([("encoder", False), ("captioner", False), ("generator", False)],
         "All three models are refused; the reasons are below."),
    ],
)  # fmt: skip
def test_summary(verdicts, sentence):
    report = ReportData("x", verdicts=tuple(verdict(*item) for item in verdicts))
    assert views.summary(report) == sentence


def test_forced_blessing_shows():
    words = page(verdicts=(verdict("encoder", True, "a demo"),)).words
    assert "! blessed by force" in words


def test_scale_places_chance_value_and_ceiling():
    row = views.metric_rows(WHOLE)[0]
    assert row.scale["ceiling"] == 100.0
    assert row.scale["chance"] == 10.0
    assert row.scale["value"] == 90.0
    assert (row.passed, row.rule) == (True, "≥ 0.8")


def test_metric_that_is_not_a_number_has_no_scale():
    row = views.metric_rows(WHOLE)[2]
    assert row.scale is None
    assert row.passed is False


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (250.0, "4 min 10 s"), (7500.0, "2 h 5 min"), (None, "–")],
)
def test_duration(seconds, words):
    assert views.duration(seconds) == words


def test_the_recogniser_is_told_label_by_label():
    page = render(WHOLE)
    rows = re.findall(r'<tr><th scope="row">(word:.*?)</tr>', page)
    cells = [re.split(r"</?t[hd]>", row) for row in rows]
    told = [[cell for cell in row if cell] for row in cells]
    assert told == [
        ["word:&lt;b&gt;", "31", "0.5", "0.25", "0.333", "0.4", "0.125"],
        ["word:狗", "0", "0", "0", "0", "–", "0.5"],
    ]
    assert "label by label" not in render(ReportData("bare"))
