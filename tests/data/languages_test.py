import numpy as np

from data.languages import language_numbers, primary, spoken


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
