"""Words by their part of speech."""

import importlib.util

import pytest

from data import mining, part_of_speech
from data.label_rules import LabelRules

taggers = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("HanTa", "rjieba")),
    reason="the extra `tagger` is not installed",
)


@taggers
def test_nouns_verbs_and_adjectives_of_english_are_kept():
    words = ["dog", "together", "running", "wooden", "outside", "dogs", "several"]
    assert part_of_speech.content_words(words) == ["dog", "running", "wooden", "dogs"]


@taggers
def test_nouns_verbs_and_adjectives_of_chinese_are_kept():
    words = ["红色", "正在", "跑", "草地上", "前面", "快"]
    assert part_of_speech.content_words(words) == ["红色", "跑", "草地上", "快"]


@taggers
def test_words_of_other_scripts_are_kept():
    assert part_of_speech.content_words(["собака", "μαζί"]) == ["собака", "μαζί"]


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
