import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.scenes import world
from data.scenes.grammar import LANGUAGES, Claim, ObjectClaim, parse
from data.scenes.layout import sample
from data.scenes.lexicon import Lexeme, Lexicon

_values = st.sampled_from
_things = st.builds(
    ObjectClaim,
    _values(tuple(world.COLOURS)),
    _values(world.SHAPES),
    st.none() | _values(world.SIZES),
    st.none() | _values(world.TEXTURES),
    st.none() | _values(world.ACTIONS),
)
_grounds = st.none() | _values(tuple(world.BACKGROUNDS))
_claims = st.builds(
    lambda things, relation, ground: Claim(things, relation=relation, background=ground),
    st.tuples(_things, _things),
    _values(world.RELATIONS),
    _grounds,
) | st.builds(
    lambda thing, count, ground: Claim((thing,), count=count, background=ground),
    _things,
    st.integers(1, 3),
    _grounds,
)


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=250, deadline=None, database=None, derandomize=True)
@given(claim=_claims, seed=st.integers(0, 2**32))
def test_parsing_is_the_inverse_of_saying(language, claim, seed):
    sentence = LANGUAGES[language].say(np.random.default_rng(seed), claim)
    assert parse(sentence, language) == claim, sentence


def test_thousands_of_sentences_are_read_back_exactly():
    for index in range(2000):
        rng = world.generator(1, index)
        claim = sample(rng).facts
        for language, grammar in LANGUAGES.items():
            sentence = grammar.say(rng, claim)
            assert parse(sentence, language) == claim, sentence


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(claim=_claims, seed=st.integers(0, 2**32))
def test_parsing_forgives_what_a_detokeniser_changes(claim, seed):
    english, chinese = (
        LANGUAGES[tag].say(np.random.default_rng(seed), claim) for tag in ("en", "zh")
    )
    spaced = re.sub(r"([.,])", r" \1", english).upper() + " ."
    assert parse(spaced, "en-GB") == claim
    assert parse(" ".join(chinese), "zh-Hans") == claim


A = ObjectClaim("red", "circle")
B = ObjectClaim("blue", "square")


@pytest.mark.parametrize(
    ("caption", "language", "relation"),
    [
        ("a red circle above a blue square", "en", "above"),
        ("above a blue square there is a red disc", "en", "above"),
        ("a blue square with a red circle to the left of it", "en", "left of"),
        ("红色的圆形在蓝色的正方形上面", "zh", "above"),
        ("蓝色的方块后面有一个红色的圆", "zh", "behind"),
    ],
)
def test_the_first_object_is_the_one_the_relation_is_about(caption, language, relation):
    assert parse(caption, language) == Claim((A, B), relation=relation)


def test_details_belong_to_their_object():
    claim = parse("a big red circle rolls over a blue square with dots on a gray background", "en")
    expected = Claim(
        (replace(A, size="large", action="rolling"), replace(B, texture="dotted")),
        relation="above",
        background="grey",
    )
    assert claim == expected


@pytest.mark.parametrize(
    ("caption", "language"),
    [
        ("", "en"),
        ("a red circle", "zh"),
        ("a red circle above", "en"),
        ("a red circle above a blue", "en"),
        ("a red blue circle above a green square", "en"),
        ("a red circle a blue square above", "en"),
        ("a big small red circle above a blue square", "en"),
        ("a red circle above a big small blue square", "en"),
        ("a red dog above a blue square", "en"),
        ("two red circles above a blue square", "en"),
        ("two red circles above three blue squares", "en"),
        ("red circles", "en"),
        ("on a white background, a red star on a black background", "en"),
        ("红色的圆形在蓝色的正方形", "zh"),
        ("两个红色的圆形在蓝色的正方形上面", "zh"),
        ("[UNK] red circle above a blue square", "en"),
    ],
)
def test_what_is_no_sentence_of_the_grammar_is_not_parsed(caption, language):
    assert parse(caption, language) is None


def test_a_language_without_grammar_is_an_error():
    with pytest.raises(ValueError, match="'fr'"):
        parse("un cercle rouge", "fr")


def test_a_word_with_two_meanings_is_refused():
    with pytest.raises(ValueError, match="'disc' stands twice"):
        Lexicon([Lexeme("o", "circle", "disc"), Lexeme("o", "ring", "disc")], spaced=True)
