"""Captions to ids and back, for English and Chinese."""

import pytest
import tensorflow as tf
import tensorflow_text as tf_text

from data import text

ENGLISH = "A Boy's T-shirt, (new)  costs 3.5 dollars!"
CHINESE = "一只黑狗，在草地上奔跑。"
MIXED = "Ｎｉｋｅ red球鞋！"

TOKENS = {
    ENGLISH: ["a", "boy's", "t-shirt", ",", "(", "new", ")", "costs", "3.5", "dollars", "!"],
    CHINESE: [*"一只黑狗", ",", *"在草地上奔跑。"],
    MIXED: ["nike", "red", "球", "鞋", "!"],
    "": [],
    "don’t  look\u200b\tup\n": ["don't", "look", "up"],
    "7-up at 1,000 m.": ["7-up", "at", "1,000", "m", "."],
}


def _strings(tensor):
    return [value.decode("utf-8") for value in tensor.numpy()]


def _vocabulary():
    return text.Vocabulary(sorted({token for tokens in TOKENS.values() for token in tokens}))


@pytest.mark.parametrize("sentence", TOKENS)
def test_tokens(sentence):
    (row,) = text.tokenise(tf.constant([sentence])).to_list()
    assert [token.decode("utf-8") for token in row] == TOKENS[sentence]


def test_tokens_are_those_of_tensorflow_text():
    sentences = tf.constant(
        [*TOKENS, "well-known U.S. dogs' (3.5-litre) _x_ 'quoted' 猫cat犬 🙂!?"]
    )
    word = r"\p{N}+(?:[.,]\p{N}+)+|[\p{L}\p{M}\p{N}]+(?:['\-][\p{L}\p{M}\p{N}]+)*"
    spaced = tf.strings.regex_replace(text.normalise(sentences), r"(\p{Han})", r" \1 ")
    split = tf_text.regex_split(spaced, rf"\s+|{word}|.", r"\S+")
    assert text.tokenise(sentences).to_list() == split.to_list()


def test_normalise_is_idempotent_and_folds_forms():
    once = text.normalise(tf.constant(["ＡＢ Ç\u0301\x00 “x”", CHINESE, b"bad \xff byte"]))
    assert _strings(once) == ['ab \u1e09 "x"', "一只黑狗,在草地上奔跑。", "bad byte"]
    assert _strings(text.normalise(once)) == _strings(once)


def test_ids_are_framed_padded_and_cut():
    table = text.Vocabulary(["cat", "a"]).table()
    ids = text.encode(tf.constant(["a cat", "a red cat sat", ""]), table, 5)
    assert ids.dtype == tf.int32
    assert ids.numpy().tolist() == [[2, 5, 4, 3, 0], [2, 5, 1, 4, 3], [2, 3, 0, 0, 0]]


def test_eager_and_tf_data_agree():
    table = _vocabulary().table()
    sentences = tf.constant(list(TOKENS))
    batches = tf.data.Dataset.from_tensor_slices(sentences).batch(4)
    mapped = batches.map(lambda batch: text.encode(batch, table, 16))
    eager = text.encode(sentences, table, 16)
    assert tf.concat(list(mapped), axis=0).numpy().tolist() == eager.numpy().tolist()


def test_round_trip_reads_as_written():
    vocabulary = _vocabulary()
    ids = text.encode(tf.constant([ENGLISH, CHINESE, MIXED, ""]), vocabulary.table(), 16)
    decoded = text.decode(ids, tf.constant(vocabulary.pieces))
    assert _strings(decoded) == [
        "a boy's t-shirt, (new) costs 3.5 dollars!",
        CHINESE,
        "nike red球鞋！",
        "",
    ]
    again = text.encode(decoded, vocabulary.table(), 16)
    assert again.numpy().tolist() == ids.numpy().tolist()


def test_decode_stops_at_the_first_end():
    pieces = tf.constant(text.Vocabulary(["cat", "dog"]).pieces)
    ids = tf.constant([[text.START, 4, text.UNK, text.END, 5, text.PAD]])
    assert _strings(text.decode(ids, pieces)) == ["cat"]


def test_oov_share_counts_tokens():
    table = text.Vocabulary(["red", "红"]).table()
    share = text.oov_share(tf.constant(["red cat", "红色的圆", "", "Red"]), table)
    assert share.numpy().tolist() == [0.5, 0.75, 0.0, 0.0]


def test_vocabulary_survives_its_file(tmp_path):
    vocabulary = text.Vocabulary(["狗", "a\u2028b", "cat"])
    path = str(tmp_path / "tokens")
    vocabulary.write(path)
    assert text.Vocabulary.from_file(path).tokens == vocabulary.tokens
    assert text.Vocabulary.from_file(path).fingerprint() == vocabulary.fingerprint()
    assert vocabulary.fingerprint() != text.Vocabulary(["cat", "狗"]).fingerprint()
    words = tf.constant(["cat", "狗", "bird"])
    assert text.table_from_file(path).lookup(words).numpy().tolist() == [6, 4, 1]
    assert vocabulary.table().lookup(words).numpy().tolist() == [6, 4, 1]


def test_empty_vocabulary(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"{text.EMPTY_VOCABULARY_LINE}\n")
    vocabulary = text.Vocabulary.from_file(str(path))
    assert vocabulary.size == len(text.SPECIAL)
    assert text.encode(tf.constant(["a"]), vocabulary.table(), 3).numpy().tolist() == [[2, 1, 3]]


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", ""]])
def test_vocabulary_refuses_ambiguity(tokens):
    with pytest.raises(ValueError, match="vocabulary entry 1"):
        text.Vocabulary(tokens)


def test_ties_rank_by_bytes_downwards():
    assert text.most_frequent("bacabacd", None, 2) == ["a", "c", "b"]
    assert text.most_frequent("bacabacd", 1, 1) == ["a"]
