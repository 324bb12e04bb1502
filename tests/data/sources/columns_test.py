"""What names of keys and columns mean, alone and beside each other."""

import pytest

from data.sources.columns import IGNORED, list_in, roles, tags


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("caption_en", "en"),
        ("zh_text", "zh"),
        ("text.de", "de"),
        ("captions/fr", "fr"),
        ("captionEn", "en"),
        ("CAPTION_JA", "ja"),
        ("caption_zh-CN", "zh-CN"),
        ("description_pt_br", "pt-BR"),
        ("caption_zh_hans", "zh-Hans"),
        ("caption_english", "en"),
        ("Chinese caption", "zh"),
        ("text_eng_Latn", "en-Latn"),
        ("caption_cn", "zh"),
        ("caption_2_ko", "ko"),
        ("en", "en"),
        ("Chinese", "zh"),
        # An id or a number, unless another language stands beside it.
        ("caption_id", None),
        ("text_no", None),
        ("id", None),
        ("is", None),
        ("caption_sd", None),
        ("caption_hq", None),
        ("caption", None),
        ("texture", None),
        ("language", None),
    ],
)
def test_languages_of_columns(name, tag):
    assert tags(("image", name)) == (None, tag)


def test_a_language_that_is_a_word_too_counts_beside_another():
    assert tags(("image", "caption_en", "caption_id")) == (None, "en", "id")
    assert tags(("image", "zh", "it")) == (None, "zh", "it")
    assert roles(("image", "caption_en", "id")) == ("image", "caption", IGNORED)


def test_names_of_languages_alone_count_where_nothing_else_is_a_caption():
    assert roles(("file", "en", "zh")) == ("image", "caption", "caption")
    assert roles(("file", "en", "caption")) == ("image", None, "caption")


def test_of_several_names_the_first_is_read_in_every_language():
    assert roles(("image", "caption", "caption_de", "text_fr")) == ("image", *["caption"] * 2, None)


def test_an_id_is_a_picture_where_nothing_else_is():
    assert roles(("image_id", "caption")) == ("image", "caption")
    assert roles(("image_id", "file_name", "caption")) == (IGNORED, "image", "caption")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("['a', \"it's\"]", ["a", "it's"]),
        # As numpy writes them, which Python would join.
        ("['a' 'b']", ["a", "b"]),
        ("['a'\n 'b']", ["a", "b"]),
        ("[red, blue]", None),
        ("['a', x]", None),
        ("[f'{x}']", None),
        ("['a' ...]", None),
        ("[" * 10**5 + "]", None),
        ("a [b]", None),
        ("[1, 2]", [1, 2]),
    ],
)
def test_lists_in_texts(text, found):
    assert list_in(text) == found
