import pytest

from trainer.metrics import tokens as words
from trainer.metrics.tokens import Unavailable


def test_chinese_by_character():
    assert words.by_character("红色的圆，在 2个 Big方块上。") == [
        *"红色的圆在",
        "2",
        "个",
        "big",
        *"方块上",
    ]


@pytest.mark.parametrize(
    "text,tokens",
    [
        # Full-width letters and half-width kana are the same words as the usual ones.
        ("Ｋｇ　ﾃｽﾄ", ["kg", "テ", "ス", "ト"]),
        ("カップをはこぶ犬。", ["カ", "ッ", "プ", "を", "は", "こ", "ぶ", "犬"]),
        ("コーヒー", ["コー", "ヒー"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("ဖြူ", ["ဖြူ"]),
        ("café ๓ ตัว", ["café", "๓", "ตั", "ว"]),
    ],
)
def test_other_scripts_without_blanks_by_character(text, tokens):
    assert words.by_character(text) == tokens


@pytest.mark.parametrize(
    "language,name,text,tokens",
    [
        ("en", "en", "The dog's ball.", ["the", "dog", "'s", "ball"]),
        ("hi", "hi", "हिन्दी में एक कुत्ता।", ["हिन्दी", "में", "एक", "कुत्ता"]),
        ("ta", "ta", "சிவப்பு வட்டம்", ["சிவப்பு", "வட்டம்"]),
        ("ar", "ar", "كلبٌ، أحمر؟", ["كلبٌ", "أحمر"]),
        ("fa", "fa", "می\u200cدود «سگ»", ["می\u200cدود", "سگ"]),
        ("ko", "ko", "빨간 원이 있다.", ["빨간", "원이", "있다"]),
        ("ru", "ru", "Красный круг — слева…", ["красный", "круг", "слева"]),
        ("es", "es", "¿Un círculo?", ["un", "círculo"]),
        # Accents typed as marks of their own are the same letters.
        ("fr", "fr", "Le cafe\u0301 noir", ["le", "café", "noir"]),
        ("zh", "zh_char", "红圆", ["红", "圆"]),
        ("th", "th_char", "แมว", ["แ", "ม", "ว"]),
    ],
)
def test_every_language_has_a_split_that_is_named(language, name, text, tokens):
    split = words.split_of(language)
    assert split.name == name
    assert list(split.tokenise(text)) == tokens
    assert split.how and not split.how.endswith(".")


def test_chinese_by_word():
    pytest.importorskip("rjieba", reason="the extra 'captions' is not installed")
    split = words.word_split_of("zh")
    assert split.name == "zh_word"
    assert split.tokenise("一只Big棕色的狗在草地上奔跑。") == [
        "一只",
        "big",
        "棕色",
        "的",
        "狗",
        "在",
        "草地",
        "上",
        "奔跑",
    ]


def test_without_a_segmenter_the_extra_is_named(monkeypatch):
    words._segmenter.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "rjieba", None)
    with pytest.raises(Unavailable, match=r"by word needs the package rjieba.*tuwen\[captions\]"):
        words.word_split_of("zh")
    words._segmenter.cache_clear()


def test_only_segmented_languages_have_words():
    with pytest.raises(ValueError, match="'ja'"):
        words.word_split_of("ja")
