import numpy as np
import pytest

from data.languages import language_numbers, other_than, primary, spoken


def test_the_primary_subtag_is_what_counts():
    assert [primary(tag) for tag in ("en", "zh-Hans-CN", "DE-ch")] == ["en", "zh", "de"]


def test_languages_are_ranked_by_their_captions():
    assert spoken([("en", "zh-Hans"), ("zh", "de"), ("zh-Hant",)]) == ("zh", "de", "en")
    assert spoken([("fr",), ()]) == ("fr",)
    assert spoken([(), ()]) == ("und",)


def test_captions_get_the_numbers_of_their_languages():
    tags = [("en", "zh-Hans", "en"), ("de",), ()]
    found = language_numbers(tags, ("zh", "en"), 2)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, [[1, 0], [0, 0], [0, 0]])


@pytest.mark.parametrize(
    ("caption", "tag"),
    [
        ("赤い帽子をかぶった猫", "ja"),
        ("빨간 모자를 쓴 고양이", "ko"),
        ("Кошка сидит на столе", "ru"),
        ("قطة تجلس على الطاولة", "ar"),
        ("แมวนั่งอยู่บนโต๊ะ", "th"),
        ("मेज पर एक बिल्ली", "hi"),
        ("חתול יושב על שולחן", "he"),
        ("Μια γάτα στο τραπέζι", "el"),
        ("Ein Hund läuft mit einem Ball über die Wiese", "de"),
        ("Un perro corre con una pelota en el parque", "es"),
        ("Un chien court dans l'herbe avec une balle", "fr"),
        ("Un cane corre nel parco con la palla di un uomo", "it"),
        ("Um cachorro corre no parque com uma bola", "pt"),
        ("Een hond rent met het kind op het strand", "nl"),
        ("En hund springer på stranden med ett barn", "sv"),
        ("Pies i mężczyzna na plaży przy wodzie", "pl"),
        ("Bir adam ve iki kadın masanın üzerinde", "tr"),
        ("Seorang pria dengan anjing di pantai", "id"),
        ("Một con chó với một người đàn ông trên bãi biển", "vi"),
    ],
)
def test_captions_in_other_languages_are_told(caption, tag):
    assert tag in other_than(caption)


@pytest.mark.parametrize(
    "caption",
    [
        "a dog runs on the beach with a red ball",
        "The man in a van drives to Los Angeles, El Paso and La Jolla",
        "a die cast toy on a table",
        "dog",
        "",
        "一只狗在海滩上跑",
        "の",
        "café au lait and crème brûlée on a plate",
    ],
)
def test_english_and_chinese_are_not_taken_for_others(caption):
    assert other_than(caption) == ()
