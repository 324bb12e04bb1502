"""Words of captions as labels, in English and Chinese."""

import collections
import importlib.util
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import mining
from data.label_rules import LabelRules

ENGLISH = ["A red dog's ball!", "the dog is running, with red t-shirt 42"]
CHINESE = ["穿着连衣裙的小女孩。", "两只狗在草地打架"]


def test_content_words_of_english_captions():
    counts = mining.count([ENGLISH, ["Dog, dog; DOG"]])
    assert counts == {"red": 1, "dog": 2, "ball": 1, "running": 1, "t-shirt": 1}


def test_pieces_of_chinese_do_not_cross_function_characters():
    counts = mining.count([CHINESE])
    assert {"穿", "连衣裙", "连衣", "小女孩", "狗", "草", "打架"} <= counts.keys()
    assert not [word for word in counts if mining.CHINESE_STOP_WORDS & set(word)]
    assert "裙小" not in counts and "草打" not in counts
    assert "。" not in counts
    assert {len(word) for word in mining.count([["花样滑板车"]])} == {1, 2, 3, 4}


def pictures_of(*phrases):
    """Each phrase in as many pictures as it says, beside many that say something else."""
    return [[phrase] for phrase, n in (*phrases, ("水", 400)) for _ in range(n)]


def test_chinese_words_hang_together_and_are_no_pieces():
    pictures = pictures_of(("连衣裙", 30), ("狗", 30), ("猫", 30), ("狗猫", 1), ("草坪。水", 25))
    counts = mining.count(pictures)
    found = mining.choose(counts, LabelRules(min_label_count=1))
    assert set(found) == {"word:连衣裙", "word:狗", "word:猫", "word:草坪", "word:水"}
    assert counts["连衣"] == 30 and counts["狗猫"] == 1


def test_a_character_of_many_words_is_kept_and_one_of_one_word_is_not():
    pictures = pictures_of(("黑狗", 20), ("小狗", 20), ("花狗", 20), ("足球", 40))
    pictures += pictures_of(("桌子", 20), ("孩子", 20), ("绳子", 20))
    found = mining.choose(mining.count(pictures), LabelRules(min_label_count=1))
    assert "word:狗" in found and "word:足球" in found
    assert not {"word:足", "word:球", "word:子"} & set(found)


def test_frequent_words_come_first_and_rare_ones_not_at_all():
    counts = {"dog": 5, "cat": 7, "ant": 5, "bee": 2}
    rules = LabelRules(max_labels=3, min_label_count=3)
    assert mining.choose(counts, rules) == ["word:cat", "word:dog", "word:ant"]
    assert mining.choose({}, rules) == []


def test_pictures_get_the_labels_that_any_caption_has():
    labels = ["word:狗", "word:dog", "word:red", "word:zebra"]
    found = mining.label([[*ENGLISH, *CHINESE], ["a cat"], []], labels)
    assert found == [("word:red", "word:dog", "word:狗"), (), ()]
    assert mining.label([ENGLISH], []) == [()]
    assert mining.label([], labels) == []


# Words, stop words, punctuation and noise of both languages.
WORDS = st.sampled_from(
    [
        "dog",
        "Dogs",
        "the",
        "is",
        "running",
        "red",
        "狗",
        "在",
        "打架",
        "的",
        "连衣裙",
        "42",
        "é",
        ",",
    ]
)
TEXT = st.lists(WORDS | st.text(max_size=4), max_size=8).map(" ".join)
PICTURES = st.lists(st.lists(TEXT, max_size=3), max_size=6)


@settings(deadline=None, max_examples=60)
@given(PICTURES, st.randoms(use_true_random=False))
def test_mining_does_not_depend_on_order(pictures, rng):
    rules = LabelRules(min_label_count=1)
    shuffled = [rng.sample(captions, len(captions)) for captions in pictures]
    rng.shuffle(shuffled)
    counts = mining.count(pictures)
    assert mining.count(shuffled) == counts
    mixed = list(counts.items())
    rng.shuffle(mixed)
    assert mining.choose(dict(mixed), rules) == mining.choose(counts, rules)


@settings(deadline=None, max_examples=60)
@given(PICTURES, st.integers(1, 3), st.integers(1, 5))
def test_labels_are_frequent_content_words_that_are_found_again(pictures, least, most):
    rules = LabelRules(max_labels=most, min_label_count=least)
    names = mining.choose(mining.count(pictures), rules)
    words = {name.removeprefix(mining.GROUP) for name in names}
    assert len(words) == len(names) <= most
    assert not words & (
        mining.ENGLISH_STOP_WORDS | mining.CHINESE_STOP_WORDS | mining.CHINESE_ENDINGS
    )
    labelled = mining.label(pictures, names)
    assert len(labelled) == len(pictures)
    counts = collections.Counter(name for row in labelled for name in row)
    assert set(counts) == set(names)
    assert not counts or min(counts.values()) >= least


def test_real_captions_give_what_is_seen(test_data):
    def of(name):
        lines = (test_data / "flickr8k" / name).read_text(encoding="utf-8").splitlines()
        counts = mining.count(json.loads(line)["captions"] for line in lines[:2000])
        return {name.removeprefix(mining.GROUP) for name in mining.choose(counts, LabelRules())}

    assert {"man", "dog", "girl", "red", "black", "running", "water", "grass"} <= of(
        "captions.jsonl"
    )
    assert {"狗狗", "男人", "小孩", "草", "奔跑", "帽子", "沙滩"} <= of("captions_zh.jsonl")


taggers = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("HanTa", "rjieba")),
    reason="the extra `tagger` is not installed",
)


@taggers
def test_nouns_verbs_and_adjectives_of_english_are_kept():
    words = ["dog", "together", "running", "wooden", "outside", "dogs", "several"]
    assert mining.content_words(words) == ["dog", "running", "wooden", "dogs"]


@taggers
def test_nouns_verbs_and_adjectives_of_chinese_are_kept():
    words = ["红色", "正在", "跑", "草地上", "前面", "快"]
    assert mining.content_words(words) == ["红色", "跑", "草地上", "快"]


@taggers
def test_words_of_other_scripts_are_kept():
    assert mining.content_words(["собака", "μαζί"]) == ["собака", "μαζί"]


@taggers
@pytest.mark.parametrize(("which", "expected"), [("all", 3), ("content", 2)])
def test_labels_are_content_words_where_asked(which, expected):
    counts = {"dog": 5, "together": 7, "running": 5}
    rules = LabelRules(min_label_count=1, label_words=which)
    assert len(mining.choose(counts, rules)) == expected


def test_a_missing_tagger_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"HanTa and rjieba: install .*tuwen\[tagger\]"):
        mining.with_labels({"train": []}, LabelRules(label_words="content"))
