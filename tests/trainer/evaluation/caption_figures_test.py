"""Scores of captioners that are right, wrong, always the same, or borrow from training."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from trainer.evaluation import caption_metrics
from trainer.evaluation.inputs import NotMeasured
from trainer.metrics.captions import measure_with_one_out

SAME = "a big red block on white"


@pytest.fixture(scope="module")
def stretched(said, right):
    """Test pictures of which a third has long captions, and a third longer ones."""
    records = said(right).records
    more = ("", " and nothing at all beside it", " and nothing at all beside it but the empty wall")
    return [
        replace(record, captions=(*(text + more[row % 3] for text in record.captions[:2]), "一块"))
        for row, record in enumerate(records)
    ]


def test_every_score_is_there_in_every_language(said, right, by_name):
    found = by_name(caption_metrics.scores(said(right, ("en", "zh"))))
    for name in ("bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "cider_d", "gain_cider_d"):
        for tag in ("en", "zh_char"):
            metric = found[f"{name}_{tag}"]
            assert metric.low <= metric.value + 1e-9 and metric.value <= metric.high + 1e-9
            assert metric.n == 80
    # Two English references each, one Chinese.
    assert found["bleu4_en"].parts["all_references"] == pytest.approx(1.0, abs=1e-6)
    assert found["bleu4_en"].value < 0.9
    assert found["bleu4_zh_char"].value == pytest.approx(1.0, abs=1e-6)
    assert found["bleu4_en"].ceiling is not None
    assert found["bleu4_zh_char"].ceiling is None


def test_who_speaks_as_people_do_reaches_their_figures_and_no_more(said, by_name):
    """A person's caption against the others: against all references it would find itself."""
    records = [
        replace(record, captions=(*_people(row, 4)[:3], "一块"), languages=("en",) * 3 + ("zh",))
        for row, record in enumerate(said(lambda *_: SAME).records)
    ]
    numbers = {record.image_id: row for row, record in enumerate(records)}
    one_more = said(lambda record, _: _people(numbers[record.image_id], 4)[3], records=records)
    found = by_name(caption_metrics.scores(one_more))
    for name in caption_metrics.NAMES:
        metric = found[f"{name}_en"]
        assert metric.low < metric.ceiling < metric.high, name
        assert metric.value == pytest.approx(metric.ceiling, rel=0.2), name
    # One reference more is what makes the difference.
    assert found["bleu4_en"].parts["all_references"] > 1.2 * found["bleu4_en"].ceiling
    assert found["cider_d_en"].parts["all_references"] == pytest.approx(found["cider_d_en"].value)


def _people(row, count):
    """What `count` people say of a picture, each with words of their own."""
    rng = random.Random(row)
    colour, thing = rng.choice(["red", "blue", "green"]), rng.choice(["dog", "cat", "bird", "cow"])
    forms = [
        f"{article} {colour} {thing} {place}"
        for article in ("a", "the", "one", "there is a", "a small")
        for place in ("sits on grass", "in the garden", "at the wall", "beside a big tree")
    ]
    return tuple(rng.sample(forms, count))


def test_where_some_pictures_have_one_reference_people_are_compared_on_the_others(
    said, right, by_name
):
    records = said(right).records
    mixed = [
        replace(record, captions=record.captions[:1], languages=record.languages[:1])
        if row % 2
        else record
        for row, record in enumerate(records)
    ]
    found = by_name(caption_metrics.scores(said(right, records=mixed)))
    alone = by_name(caption_metrics.scores(said(right, records=records[::2])))
    for name in caption_metrics.NAMES:
        whole, several = found[f"{name}_en"], found[f"{name}_en@references=several"]
        assert (whole.n, whole.ceiling) == (80, None)
        assert several.n == 40
        assert several.value == pytest.approx(alone[f"{name}_en"].value)
        assert several.ceiling == pytest.approx(alone[f"{name}_en"].ceiling)
    assert found["cider_d@language=en"].ceiling is None
    assert alone["cider_d@language=en"].ceiling is not None
    assert not any("references" in name for name in alone)


def test_baselines_are_what_simple_captioners_get(said, right, by_name):
    evidence = said(right)
    training = evidence.training.records
    usual = Counter(text for one in training for text in one.captions[:2]).most_common(1)[0][0]
    references = [list(record.captions[:2]) for record in evidence.records]
    nearest = (evidence.real.embedding @ evidence.training.embedding.T).argmax(1)
    expected = {
        name: measure_with_one_out(texts, references).corpus()
        for name, texts in (
            ("most_frequent_caption", [usual] * 80),
            ("nearest_training_image", [training[i].captions[0] for i in nearest]),
        )
    }
    found = by_name(caption_metrics.scores(evidence))
    for name in ("bleu4", "rouge_l", "cider_d"):
        baselines = {rival: scores[name] for rival, scores in expected.items()}
        assert found[f"{name}_en"].baselines == pytest.approx(baselines)
    gain = expected["most_frequent_caption"]["cider_d"]
    assert found["gain_cider_d_en"].value == pytest.approx(found["cider_d_en"].value - gain)
    assert found["cider_d_en"].chance < 0.7 * found["cider_d_en"].value


def test_a_captioner_that_always_says_the_same_gains_nothing(said, right, by_name):
    usual = by_name(caption_metrics.scores(said(right)))
    same = by_name(caption_metrics.scores(said(lambda *_: SAME)))
    assert usual["gain_cider_d_en"].low > 1.0
    assert same["gain_cider_d_en"].low < 0 < same["gain_cider_d_en"].high
    assert same["gain_cider_d_en"].high < 0.1 * usual["gain_cider_d_en"].low
    assert same["cider_d_en"].high < usual["cider_d_en"].low


def test_slices_by_language_part_what_is_right_from_what_is_wrong(said, right, by_name):
    def half(record, language):
        return right(record, "en") if language == "en" else "一块"

    found = by_name(caption_metrics.scores(said(half, ("en", "zh"))))
    english, chinese = (found[f"cider_d@language={tag}"] for tag in ("en", "zh"))
    assert english.value == pytest.approx(found["cider_d_en"].value)
    assert chinese.value == pytest.approx(found["cider_d_zh_char"].value)
    assert chinese.high < english.low
    assert english.ceiling == pytest.approx(found["cider_d_en"].ceiling)
    assert english.chance == pytest.approx(found["cider_d_en"].chance)
    assert english.baselines == pytest.approx(found["cider_d_en"].baselines)
    assert not any(name.startswith("cider_d@length") for name in found)


def test_slices_by_length_find_the_captions_that_are_too_long_for_it(
    said, stretched, right, by_name
):
    def brief(record, language):
        return " ".join(right(record, language).split()[:6])

    evidence = said(brief, records=stretched)
    found = by_name(caption_metrics.scores(evidence))
    # 80 pictures give thirds of 27, 27 and 26: too few.
    assert not any(name.startswith("cider_d@length") for name in found)
    twice = said(brief, records=stretched * 2)
    twice = replace(twice, real=replace(twice.real, embedding=twice.real.embedding.repeat(2, 0)))
    found = by_name(caption_metrics.scores(twice))
    values = [found[f"cider_d@length={part}"] for part in ("short", "medium", "long")]
    assert sum(metric.n for metric in values) == 160
    assert values[0].low > values[1].high and values[1].value > values[2].value


def test_words_are_scored_beside_characters_or_the_reason_is_told(said, right, by_name):
    pytest.importorskip("rjieba", reason="the extra 'captions' is not installed")
    evidence = said(right, ("en", "zh"))
    found = by_name(caption_metrics.by_word(evidence))
    assert set(found) == {f"{name}_zh_word" for name in (*caption_metrics.NAMES, "gain_cider_d")}
    assert found["bleu1_zh_word"].value == pytest.approx(1.0, abs=1e-6)


def test_without_a_segmenter_the_reason_is_told_where_there_is_chinese(said, monkeypatch, right):
    monkeypatch.setitem(__import__("sys").modules, "rjieba", None)
    caption_metrics.word_split_of.__globals__["_segmenter"].cache_clear()
    with pytest.raises(NotMeasured, match=r"tuwen\[captions\]"):
        caption_metrics.by_word(said(right, ("en", "zh")))
    assert caption_metrics.by_word(said(right)) == []


def test_without_captions_the_reason_is_told(said, right):
    with pytest.raises(NotMeasured, match="no captioner"):
        caption_metrics.scores(replace(said(right), captions=None))
    with pytest.raises(NotMeasured, match="language of its picture"):
        caption_metrics.scores(said(right, ("fr",)))
