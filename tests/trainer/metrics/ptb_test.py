import json

import pytest

from trainer.metrics.ptb import tokenise


@pytest.mark.parametrize(
    "text,tokens",
    [
        ("A man isn't there.", "a man is n't there"),
        ("The dogs' bowl, the dog's ball", "the dogs bowl the dog 's ball"),
        ("He cannot go; they're gonna", "he can not go they 're gon na"),
        ("In front of a T.V. near St. Paul at 12:45", "in front of a t.v. near st. paul at 12:45"),
        ("a black-and-white tub/shower (small)", "a black-and-white tub/shower -lrb- small -rrb-"),
        ('"Wow"... it’s 1/2 -- a plate.A spoon!', "wow it 's 1/2 a plate.a spoon"),
        ("black & white café", "black & white café"),
        ("  ", ""),
    ],
)
def test_rules(text, tokens):
    assert tokenise(text) == tokens.split()


def test_agrees_with_the_java_tokenizer_on_coco(test_data):
    raw, expected = (
        json.loads((test_data / f"caption-metrics/coco5k_{name}.json").read_text(encoding="utf-8"))
        for name in ("raw", "ptb_tokenized")
    )
    total = wrong = 0
    for one, other in zip(raw, expected, strict=True):
        pairs = zip(
            [one["candidate"], *one["references"]],
            [other["candidate"], *other["references"]],
            strict=True,
        )
        for text, tokens in pairs:
            total += 1
            wrong += tokenise(text) != tokens.split()
    assert wrong <= total / 1000
