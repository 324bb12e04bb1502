"""Variety of captioners that are right, always the same, or copy training captions."""

import itertools

import pytest

from trainer.evaluation import caption_metrics

SAME = "a big red block on white"


@pytest.fixture(scope="module")
def figures(said, by_name):
    def of(say, languages=("en",)):
        return by_name(caption_metrics.figures(said(say, languages)))

    return of


def test_every_figure_has_its_company(figures, right):
    found = figures(right, ("en", "zh"))
    for name in (
        "distinct1",
        "distinct2",
        "distinct_captions",
        "novel_captions",
        "vocabulary_used",
        "length_ratio",
    ):
        for tag in ("en", "zh_char"):
            metric = found[f"{name}_{tag}"]
            assert metric.n == 80
            assert metric.low - 1e-9 <= metric.value <= metric.high + 1e-9
            # What is said is what people say.
            assert metric.ceiling == pytest.approx(metric.value)
            assert set(metric.baselines) == {"most_frequent_caption", "nearest_training_image"}
            assert metric.protocol.endswith(".")
    assert "repetition2_en" in found and "repetition4_zh_char" in found
    assert found["repetition2_en"].higher_is_better is False
    for name in ("novel_captions_en", "length_ratio_en"):
        assert found[name].higher_is_better is None


def test_a_captioner_that_always_says_the_same_is_told_by_three_figures(figures, right):
    varied, same = figures(right), figures(lambda *_: SAME)
    assert same["distinct_captions_en"].value == 1 / 80
    assert same["vocabulary_used_en"].value < 0.5
    for name in ("distinct_captions_en", "vocabulary_used_en", "distinct1_en", "distinct2_en"):
        assert same[name].high < varied[name].low, name
        usual = varied[name].baselines["most_frequent_caption"]
        assert same[name].value == pytest.approx(usual, rel=0.5), name


def test_novel_captions_are_none_of_training(figures, right):
    number = itertools.count()
    assert figures(right)["novel_captions_en"].value < 0.1
    found = figures(lambda *_: f"block {next(number)} of many")["novel_captions_en"]
    assert found.value == 1.0
    assert found.baselines == {"most_frequent_caption": 0.0, "nearest_training_image": 0.0}


def test_repetition_and_length_notice_stammering(figures, right):
    plain, stammered = figures(right), figures(lambda record, _: f"{record.captions[0]} " * 2)
    assert plain["repetition2_en"].value == 0.0
    assert stammered["repetition2_en"].value == 1.0
    assert stammered["length_ratio_en"].value == pytest.approx(12 / 7)
    assert stammered["length_ratio_en"].parts == {"tokens": 12.0, "reference_tokens": 7.0}


def test_chinese_words_have_those_figures_that_depend_on_them(figures, right):
    pytest.importorskip("rjieba", reason="the extra 'captions' is not installed")
    found = figures(right, ("zh",))
    by_word = {name.removesuffix("_zh_word") for name in found if name.endswith("_zh_word")}
    assert by_word >= {"distinct1", "distinct2", "vocabulary_used", "repetition2", "length_ratio"}
    assert by_word.isdisjoint({"distinct_captions", "novel_captions", "repetition4"})
