from collections import Counter
from itertools import islice, pairwise

import pytest

from data.scenes.dataset import Sample, samples
from data.scenes.grammar import captions, parse
from data.scenes.world import generator, is_right


@pytest.fixture(scope="module")
def some() -> list[Sample]:
    return list(islice(samples(seed=3), 600))


def test_every_caption_is_right_about_its_picture_and_leaves_nothing_out(some):
    for one in some:
        for caption, language in zip(one.captions, one.languages, strict=True):
            assert is_right(parse(caption, language), one.scene.attributes()), caption


def test_no_caption_is_right_about_another_picture_but_by_the_same_facts(some):
    wrong = 0
    for one, other in pairwise(some):
        wrong += is_right(parse(one.captions[0], "en"), other.scene.attributes())
    assert wrong <= 2


def test_captions_of_one_picture_differ(some):
    repeated = sum(len(set(one.captions)) < len(one.captions) for one in some)
    assert repeated <= 0.01 * len(some)


def test_short_plain_captions_are_the_most_frequent_but_all_details_come_up(some):
    english = [caption for one in some for caption in one.captions[:3]]
    lengths = Counter(len(caption.split()) for caption in english if " above " in caption)
    assert lengths.most_common(1)[0][0] <= 9
    claims = [parse(caption, "en") for caption in english]
    things = [thing for claim in claims if claim for thing in claim.objects]
    for field in ("size", "texture", "action"):
        share = sum(getattr(thing, field) is not None for thing in things) / len(things)
        assert 0.02 < share < 0.5, field


def test_the_languages_are_those_asked_for(some):
    facts = some[0].scene.facts
    told = captions(generator(0, 0), facts, ("zh", "en"))
    assert parse(told[0], "zh") is not None
    assert parse(told[1], "en") is not None
    assert parse(told[0], "en") is None
