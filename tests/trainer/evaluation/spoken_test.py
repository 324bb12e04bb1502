"""Who says what of the judged pictures."""

from collections import Counter
from dataclasses import replace

import pytest

from trainer.evaluation import caption_metrics
from trainer.metrics.tokens import split_of


@pytest.fixture
def evidence(said, right):
    return said(right, ("en", "zh"))


def test_captions_stand_beside_references_in_their_language(evidence):
    english, chinese = caption_metrics.spoken(evidence)
    assert (english.language, chinese.language) == ("en", "zh")
    for row, text, references in zip(
        chinese.rows, chinese.candidates, chinese.references, strict=True
    ):
        assert [text] == references == [evidence.records[row].captions[2]]
    assert english.references[5] == list(evidence.records[english.rows[5]].captions[:2])
    assert len(english.training) == 2 * len(chinese.training) == 320


def test_pictures_without_references_in_the_language_are_left_out(evidence):
    records = [
        replace(record, captions=record.captions[:2], languages=record.languages[:2])
        if row % 2
        else record
        for row, record in enumerate(evidence.records)
    ]
    english, chinese = caption_metrics.spoken(replace(evidence, records=records))
    assert len(english.rows) == 80
    assert chinese.rows == list(range(0, 80, 2))
    assert len(chinese.rivals["most_frequent_caption"]) == 40


def test_rivals_say_training_captions_of_the_language(evidence):
    told = caption_metrics.rivals(evidence, "zh", [3, 7])
    training = evidence.training.records
    counts = Counter(record.captions[2] for record in training)
    assert told["most_frequent_caption"] == [counts.most_common(1)[0][0]] * 2
    nearest = caption_metrics.nearest_training(evidence)
    assert told["nearest_training_image"] == [training[nearest[row]].captions[2] for row in (3, 7)]
    assert set(told["random_training_caption"]) <= set(counts)
    assert caption_metrics.rivals(evidence, "fr", [3]) == {}
    # The encoder sees colour, size and ground: the nearest picture shows mostly the same.
    agree = [
        evidence.records[row].attributes == training[place].attributes
        for row, place in enumerate(nearest)
    ]
    assert sum(agree) > 70


def test_a_neighbour_without_the_language_says_what_is_usual(evidence):
    training = evidence.training
    mute = [
        replace(one, captions=one.captions[:2], languages=("en", "en")) for one in training.records
    ]
    kept = [*mute[:-1], training.records[-1]]
    told = caption_metrics.rivals(
        replace(evidence, training=replace(training, records=kept)), "zh", [0, 1]
    )
    assert told["nearest_training_image"] == [training.records[-1].captions[2]] * 2


def test_split_joins_tokens(evidence):
    english = caption_metrics.spoken(evidence)[0].split(split_of("en"))
    assert english.candidates[0] == english.references[0][0].removeprefix("there is ")
    assert not any("." in text for text in english.candidates + english.references[0])
    assert english.several() == list(range(80))
    assert caption_metrics.spoken(evidence)[1].several() == []


def test_one_reference_of_each_picture_is_drawn_and_judged_by_the_others(evidence):
    english, chinese = caption_metrics.spoken(evidence)
    people, others = english.one_out(3)
    for one, rest, texts in zip(people, others, english.references, strict=True):
        assert sorted([one, *rest]) == sorted(texts)
    first = [one == texts[0] for one, texts in zip(people, english.references, strict=True)]
    assert 20 < sum(first) < 60
    assert english.one_out(3) == (people, others) != english.one_out(4)
    assert chinese.one_out(3)[1] == chinese.references


def test_some_of_the_pictures_with_all_that_is_said_of_them(evidence):
    english = caption_metrics.spoken(evidence)[0]
    some = english.at([5, 2])
    assert some.rows == [english.rows[5], english.rows[2]]
    assert some.candidates == [english.candidates[5], english.candidates[2]]
    assert some.references == [english.references[5], english.references[2]]
    assert all(len(texts) == 2 for texts in some.rivals.values())
    assert some.training == english.training
