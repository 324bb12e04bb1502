"""The page: whole, with parts missing, hostile text, and what it must never hold."""

import dataclasses
import re
from dataclasses import asdict
from html.parser import HTMLParser

import pytest

from components.cross_modal_evaluator.thresholds import read_thresholds
from components.cross_modal_evaluator.verdicts import judge
from components.run_report import views
from components.run_report.formatting import duration
from components.run_report.pages import render
from components.run_report.report_data import (
    Alarm,
    ArtefactFacts,
    CopyFacts,
    Curve,
    DataFacts,
    Described,
    GateFacts,
    NearPair,
    NodeTime,
    Painted,
    Previous,
    PushFacts,
    ReportData,
    SplitFacts,
    StageFacts,
    Walk,
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
    Metric("agreement@attribute=colour", 0.7, 0.6, 0.8, 31, "test", 0, 0.1, 1.0, True, "Part."),
]  # fmt: skip
THRESHOLDS = read_thresholds(
    {
        "agreement": {"model": "generator", "min": 0.8, "beats": "mean*"},
        "agreement@*": {"model": "generator", "min": 0.75},
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
        files={"read": 5, "linked folder": 7000},
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
             "parameters": {"generator": 12000}, "stop_reason": "the time is spent",
             "start": {"lines": ["starts from runs/old (old, 32 px): 7 taken"]},
             "replay": {"share": 0.2, "newest": 3, "pictures": {"1": 40, "3": 50}}},
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
    timings=(
        NodeTime("Transform", 30.0, inputs=("Examples 1", "Schema 2"),
                 outputs=(ArtefactFacts("TransformGraph", 7, "Transform/graph/6", "abc123"),)),
        NodeTime("DataGate", 3.0, cached=True),
    ),
    versions={"python": "3.11"},
    hardware={"CPU": "Fast One", "cores": "2"},
    config={"name": "scenes", "training": {"minutes": 8}},
    forgetting=(
        {"model": "captioner", "before": METRICS[0].to_json(),
         "after": dataclasses.replace(METRICS[0], value=0.5, low=0.45, high=0.55).to_json()},
    ),
    reliability=({"low": 0.0, "high": 0.1, "count": 40, "score": 0.05, "frequency": 0.15},),
    walks=(
        Walk("noise", ("a way", "a way"), (1, 2), (PIXEL, PIXEL, PIXEL)),
        Walk("captions", ("a cat", "a dog"), (1, 1), (PIXEL, PIXEL)),
    ),
    copies=CopyFacts(
        0.3,
        (NearPair("a twin", PIXEL, "its model", PIXEL, 0.1),
         NearPair("a stranger", PIXEL, "a stranger", PIXEL, 0.8)),
        (NearPair("a test", PIXEL, "its neighbour", PIXEL, 0.5),),
        (1.0, 2.0),
        (3.0, 4.0),
    ),
    previous=Previous(
        "2025-01-01",
        {"name": "scenes", "training": {"minutes": 4}},
        (dataclasses.replace(METRICS[0], value=0.6, low=0.58, high=0.62).to_json(),),
    ),
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
        "one finding", "9 steps", "61.0 s", "No bfloat16 here.", "the loss stood still",
        "it crashed", "and again", "30.0 s", "cached", "Fast One", "3.11",
        "People: a circle", "truth (there is no check)", "a:b 0.9", "红色的圆", "2000",
        "from Examples 1, Schema 2", "TransformGraph 7", "abc123", "Transform/graph/6",
        "training.minutes", "▲ better", "reported 2025-01-01", "Slices of agreement (1)",
        "attribute=colour", "Expected calibration error 0.1", "a cat → to a dog",
        "counts as a copy , ratio 0.1", "training: its model", "its neighbour",
        "≥ 0.8, beats 0.2", "last blessed", "starts from runs/old (old, 32 px): 7 taken",
        "Replay: 20 % of every step from spans before 3", "1: 40, 3: 50",
    ],
)  # fmt: skip
def test_page_tells(words):
    assert words in page().words


def test_what_a_model_needs_and_its_compressed_forms_are_shown():
    found = {"bytes": 2048, "first_ms": 9.0, "median_ms": 3.5, "apart": {"ids": 0.0625}}
    served = SERVING | {
        "blessed": True,
        "foreign": {"embed_text": ["CaseFoldUTF8"]},
        "compressed": {"int8": found, "float16": {"error": "it is missing"}},
    }
    words = page(serving=(served,)).words
    assert "Import tensorflow_text before loading it: its operations are in embed_text" in words
    assert re.search(r"int8\W+2\D.*3\.5.* ids 0\.062", words) and "it is missing" in words
    assert "loads without" in page(serving=(served | {"foreign": {}},)).words


def test_the_files_of_the_data_are_counted():
    assert re.search(r"Files: 7,005 seen.*linked folder\W+7.?000", page().words)
    without = dataclasses.replace(WHOLE.data, files={})
    assert "Files:" not in page(data=without).words


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
    for name in ("Against the last run", "Copies of", "From one picture", "Lineage", "Slices"):
        assert name not in words


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
    words = page(verdicts=(verdict("encoder", True, "a demo"),), serving=()).words
    assert "! blessed by force" in words
    assert "Blessed by force: encoder. The checks say no." in words


def test_what_several_checks_say_in_the_same_words_is_told_once():
    check = {
        "metric": "a",
        "rule": "max_regression",
        "limit": 0.1,
        "passed": True,
        "sentence": "No.",
    }
    one = {**verdict("encoder", True), "checks": [check, {**check, "metric": "b"}]}
    (card,) = views.models(ReportData("x", verdicts=(one,)))
    assert len(card.checks) == 1
    assert card.lead == "The check passed."


def test_only_pairs_up_to_the_threshold_count_as_copies():
    html = render(WHOLE)
    assert html.count('<span class="fail">counts as a copy</span>') == 1
    assert html.count('class="near-pair copied"') == 1
    assert html.count('class="near-pair"') == 2


def test_slices_are_kept_out_of_tiles_and_rows():
    assert [row.metric.name for row in views.metric_rows(WHOLE)] == [
        "agreement",
        "kid_n400",
        "f1",
    ]
    ((part, row),) = views.slice_rows(WHOLE)["agreement"]
    assert (part, row.metric.n, row.passed) == ("attribute=colour", 31, False)
    assert [tile.label for tile in views.tiles(WHOLE)] == ["agreement", "kid n400", "f1"]


def test_scale_places_chance_value_and_ceiling():
    row = views.metric_rows(WHOLE)[0]
    assert row.scale["ceiling"] == 100.0
    assert row.scale["chance"] == 10.0
    assert row.scale["value"] == 90.0
    assert (row.passed, row.rule) == (True, "≥ 0.8, beats 0.2")


def test_metric_that_is_not_a_number_has_no_scale():
    row = views.metric_rows(WHOLE)[2]
    assert row.scale is None
    assert row.passed is False


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (99.94, "99.9 s"),
        (99.96, "1 min 40 s"),
        (245, "4 min 05 s"),
        (5999, "99 min 59 s"),
        (7800, "2 h 10 min"),
        (None, "–"),
    ],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


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


def test_what_was_forgotten_stands_in_a_section_of_its_own():
    html = render(WHOLE)
    section = html.partition('<section id="forgetting">')[2].partition("</section>")[0]
    assert "agreement" in section and "▼ worse" in section
    assert 'id="forgetting"' not in render(ReportData("bare"))
