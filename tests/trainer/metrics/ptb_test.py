import json
import shutil

import pytest

from trainer.metrics.tokens import tokenise

RULES = (
    ("A man isn't there.", "a man is n't there"),
    ("The dogs' bowl, the dog's ball", "the dogs bowl the dog 's ball"),
    ("He cannot go; they're gonna", "he can not go they 're gon na"),
    ("In front of a T.V. near St. Paul at 12:45", "in front of a t.v. near st. paul at 12:45"),
    ("a black-and-white tub/shower (small)", "a black-and-white tub/shower -lrb- small -rrb-"),
    ('"Wow"... it’s 1/2 -- a plate.A spoon!', "wow it 's 1/2 a plate.a spoon"),
    ("black & white café", "black & white café"),
    ("AT&T and H&M, salt&pepper", "at&t and h&m salt & pepper"),
    ("a rock'n'roll band, fish 'n chips", "a rock 'n' roll band fish 'n chips"),
    ("Yes ma'am, c'mon y'all o'er there", "yes ma'am c'mon y' all o'er there"),
    ("'Tis c'est l'amour d'un chien", "'t is c'est l'amour d'un chien"),
    ("fruit, etc. in Jan. or Sept.", "fruit etc. in jan. or sept."),
    ("a mat. No. The No. 5 of pp. 3", "a mat no the no. 5 of pp. 3"),
    ("Sitting @home, #fun at # 1", "sitting @home #fun at # 1"),
    ("a C++ book for me@site.com", "a c++ book for me@site.com"),
    ("-5 or +.5 in the '90s", "-5 or +.5 in the '90s"),
    ("what?! no!! yes! no?", "what ?! no !! yes no"),
    ("soft\u00adhyphen, zero\u200bwidth", "softhyphen zero width"),
    ("half of 3½ cups :-)", "half of 3 1/2 cups :--rrb-"),
    ("the ol' dog got 'em", "the ol' dog got 'em"),
    ("  ", ""),
)


@pytest.mark.parametrize(("text", "tokens"), RULES)
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
    assert wrong <= 1 and total == 30010


def test_agrees_with_the_java_tokenizer_on_odd_captions():
    tokenizer = pytest.importorskip(
        "pycocoevalcap.tokenizer.ptbtokenizer", reason="the extra 'captions' is not installed"
    )
    if shutil.which("java") is None:
        pytest.skip("no program 'java' is on the PATH")
    captions = {row: [{"caption": text}] for row, (text, _) in enumerate(RULES) if text.strip()}
    found = tokenizer.PTBTokenizer().tokenize(captions)
    # Numbers with a fraction are one token there, with a blank that every scorer splits at.
    said = {RULES[row][0]: texts[0].split() for row, texts in found.items()}
    assert said == {text: tokenise(text) for text in said}
