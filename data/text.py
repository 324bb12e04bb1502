"""Captions as ids and back, in the graph: the same operations prepare data, train and serve.

A token is a word (letters and digits, with inner apostrophes and hyphens), a number, one Han
character, or one punctuation mark. English and Chinese share one vocabulary; a Chinese sentence
needs no segmenter, and out-of-vocabulary tokens stay rare (0.3 % of the characters in the
human-written Chinese Flickr8k captions at a minimum count of 2).
"""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import tensorflow as tf
import tensorflow_text as tf_text

PAD, UNK, START, END = 0, 1, 2, 3
SPECIAL = ("[PAD]", "[UNK]", "[START]", "[END]")

# TensorFlow Transform writes this line when an analysed feature had no value at all.
EMPTY_VOCABULARY_LINE = "49d0cd50-04bb-48c0-bc6f-5b575dce351a"

_LETTER = r"[\p{L}\p{M}\p{N}]"
_TOKEN = rf"(\p{{Han}}|\p{{N}}+(?:[.,]\p{{N}}+)+|{_LETTER}+(?:['\-]{_LETTER}+)*|\S)"

# (pattern, replacement) that NFKC leaves to us: one apostrophe, one quote, one hyphen, one blank.
_CLEANING = (
    (r"[‘’ʼ]", "'"),
    (r"[“”]", '"'),
    (r"[‐‒–]", "-"),
    (r"[\s\p{Z}\p{Cc}]+", " "),
    (r"[\p{Cf}\x{FFFD}]+", ""),
    (r"^ | $", ""),
)

# (pattern, replacement) that sets tokens joined by blanks as a person would write them.
_TYPESETTING = (
    (r"(\p{Han}|[、。《》「」『』…]) ", r"\1"),
    (r" (\p{Han}|[、。《》「」『』…])", r"\1"),
    (r" ([,.;:!?%)\]}])", r"\1"),
    (r"([(\[{]) ", r"\1"),
    (r"(\p{Han}), ?", r"\1，"),
    (r"(\p{Han}); ?", r"\1；"),
    (r"(\p{Han}): ?", r"\1："),
    (r"(\p{Han})! ?", r"\1！"),
    (r"(\p{Han})\? ?", r"\1？"),
)


def _replace_all(text: tf.Tensor, rules: Sequence[tuple[str, str]]) -> tf.Tensor:
    for pattern, replacement in rules:
        text = tf.strings.regex_replace(text, pattern, replacement)
    return text


def normalise(text: tf.Tensor) -> tf.Tensor:
    """Returns `text` in one form: NFKC, case folded, control characters and spare blanks removed.

    Args:
      text: string[N], UTF-8; bytes that are not UTF-8 are dropped.

    Returns:
      string[N].
    """
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="ignore")
    text = tf_text.case_fold_utf8(tf_text.normalize_utf8(text, "NFKC"))
    return _replace_all(text, _CLEANING)


def tokenise(text: tf.Tensor) -> tf.RaggedTensor:
    """Splits string[N] into string[N, (tokens)] after `normalise`."""
    # The tokens are those of tensorflow_text.regex_split, in a graph a fifth its size.
    apart = tf.strings.regex_replace(normalise(text), r"(\p{Han})", r" \1 ")
    return tf.strings.split(tf.strings.regex_replace(apart, _TOKEN, r"\1 "))


class Lookup(Protocol):
    """What maps string[n] to int64[n] ids: a table, or an analysed vocabulary inside Transform."""

    def lookup(self, keys: tf.Tensor) -> tf.Tensor: ...


class Vocabulary:
    """An ordered set of tokens; the id of the first one is `len(SPECIAL)`.

    Attributes:
      tokens: the learned tokens, most frequent first, without the special ones.
    """

    def __init__(self, tokens: Sequence[str]):
        """Raises ValueError on an empty or repeated token."""
        self.tokens = tuple(tokens)
        known: set[str] = set()
        for position, token in enumerate(self.tokens):
            if not token or token in known:
                fault = "repeated" if token else "empty"
                raise ValueError(f"vocabulary entry {position} ({token!r}) is {fault}")
            known.add(token)

    @classmethod
    def from_file(cls, path: str) -> Vocabulary:
        """Reads a file of one token per line, as written by `write` or by TensorFlow Transform."""
        return cls(read_lines(path))

    def write(self, path: str) -> None:
        """Writes one token per line."""
        with tf.io.gfile.GFile(path, "w") as file:
            file.write("".join(f"{token}\n" for token in self.tokens))

    @property
    def pieces(self) -> tuple[str, ...]:
        """Every token by id, the special ones first: what `decode` takes."""
        return SPECIAL + self.tokens

    @property
    def size(self) -> int:
        """Number of ids, the special ones included."""
        return len(SPECIAL) + len(self.tokens)

    def table(self) -> tf.lookup.StaticHashTable:
        """Returns a lookup from string to int64 id; unknown strings give `UNK`."""
        # A table refuses to be empty: the mark of an empty vocabulary then stands for nothing.
        keys = tf.constant(self.tokens or (EMPTY_VOCABULARY_LINE,), tf.string)
        ids = tf.range(len(SPECIAL), len(SPECIAL) + len(keys), dtype=tf.int64)
        return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, ids), UNK)

    def fingerprint(self) -> str:
        """Returns a hex digest that changes with any token or its place."""
        return hashlib.sha256("\n".join(self.tokens).encode("utf-8")).hexdigest()


def read_lines(path: str) -> list[str]:
    """Reads the entries of a vocabulary file, without the mark of an empty one."""
    # Only "\n" ends an entry: str.splitlines would also cut at U+2028 and its like.
    with tf.io.gfile.GFile(path, "rb") as file:
        lines = file.read().decode("utf-8").split("\n")
    return [line for line in lines if line and line != EMPTY_VOCABULARY_LINE]


def most_frequent(entries: Iterable[str], limit: int | None, min_count: int) -> list[str]:
    """Counts `entries` and returns them as `ranked` does."""
    return ranked(collections.Counter(entries), limit, min_count)


def ranked(counts: Mapping[str, int], limit: int | None, min_count: int) -> list[str]:
    """Ranks entries by count, ties by their UTF-8 bytes downwards, as TensorFlow Transform does.

    Args:
      counts: how often each entry was seen.
      limit: entries to keep at most; None keeps all.
      min_count: entries seen less often are left out.
    """
    frequent = [(count, entry) for entry, count in counts.items() if count >= min_count]
    frequent.sort(key=lambda item: (item[0], item[1].encode("utf-8")), reverse=True)
    return [entry for _, entry in frequent[:limit]]


def table_from_file(path: str | tf.Tensor) -> tf.lookup.StaticHashTable:
    """Returns the same lookup as `Vocabulary.table`, with the file at `path` as a tracked asset."""
    initializer = tf.lookup.TextFileInitializer(
        path,
        key_dtype=tf.string,
        key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
        value_dtype=tf.int64,
        value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
        value_index_offset=len(SPECIAL),
    )
    return tf.lookup.StaticHashTable(initializer, UNK)


def encode(text: tf.Tensor, table: Lookup, max_length: int) -> tf.Tensor:
    """Returns int32[N, max_length]: START, tokens, END, then PAD; long texts are cut before END."""
    return encode_tokens(tokenise(text), table, max_length)


def encode_tokens(tokens: tf.RaggedTensor, table: Lookup, max_length: int) -> tf.Tensor:
    """As `encode`, of tokens string[N, (tokens)]."""
    room = max_length - 2
    ids = tokens.with_flat_values(table.lookup(tokens.flat_values))
    inner = tf.pad(ids.to_tensor(PAD, shape=[None, room]), [[0, 0], [1, 1]])
    place = tf.range(max_length, dtype=tf.int64)
    end = tf.minimum(ids.row_lengths(), room)[:, tf.newaxis] + 1
    ended = tf.where(place == end, tf.constant(END, tf.int64), inner)
    return tf.cast(tf.where(place == 0, tf.constant(START, tf.int64), ended), tf.int32)


def decode(ids: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Writes ids out as sentences, in the graph.

    Args:
      ids: int[N, L]; special ids are dropped, and so is all that follows the first END.
      tokens: string[size], `Vocabulary.pieces`.

    Returns:
      string[N] with blanks between words, none next to Han characters or before closing marks.
    """
    ended = tf.cumsum(tf.cast(tf.equal(ids, END), tf.int32), axis=1) > 0
    kept = tf.logical_and(tf.greater_equal(ids, len(SPECIAL)), tf.logical_not(ended))
    words = tf.ragged.boolean_mask(tf.gather(tokens, ids), kept)
    return _replace_all(tf.strings.reduce_join(words, axis=1, separator=" "), _TYPESETTING)


def oov_share(text: tf.Tensor, table: Lookup) -> tf.Tensor:
    """Returns float32[N]: the share of each text's tokens unknown to `table`, 0 for no tokens."""
    tokens = tokenise(text)
    ids = tokens.with_flat_values(table.lookup(tokens.flat_values))
    unknown = tf.reduce_sum(tf.cast(tf.equal(ids, UNK), tf.float32), axis=1)
    return tf.math.divide_no_nan(unknown, tf.cast(ids.row_lengths(), tf.float32))
