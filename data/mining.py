"""Labels for the recogniser mined from captions: the frequent content words.

A label is `word:` and a word. In scripts with blanks a word is a token that is no stop word.
Chinese is written without, so there a word is a run of up to four characters that hangs together:
its parts meet far more often than by chance (pointwise mutual information; Church and Hanks 1990),
and it is not mostly a piece of longer words. Counts are of pictures with the word in any caption.
The same graph operations count, label and evaluate.
"""

from __future__ import annotations

import collections
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import tensorflow as tf

from data import stop_words, text
from data.base.graphs import graph
from data.label_rules import AUTO, CAPTIONS, CONTENT, GIVEN, LabelRules
from data.languages import HAN
from data.part_of_speech import content_words, require_taggers
from data.schema import CaptionedImage

GROUP = "word:"

# How often the parts of a Chinese word must meet, in multiples of chance.
COHESION = 8.0
# A piece is no word where one longer word holds it in a larger share of its pictures; the second
# number is for single characters, few of which are words.
WITHIN, WITHIN_ONE = 0.75, 0.5
_LONGEST = 4

_WORD = r"\p{L}[\p{L}\p{M}'\-]+"
_ENGLISH_STOP = "|".join(sorted(stop_words.ENGLISH))
_CHINESE_STOP = "[" + "".join(sorted(stop_words.CHINESE)) + "]"


def candidates(captions: tf.RaggedTensor, tokens: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns what might be a word in the captions of N pictures.

    Args:
      captions: string[N, (captions)].
      tokens: string[M, (tokens)], `text.tokenise` of the flat captions.

    Returns:
      string[N, (candidates)], each once a picture, in the order of the captions.
    """
    single = tokens.with_flat_values(tf.strings.regex_replace(tokens.flat_values, r"'s?$", ""))
    single = _matching(single, f"{_WORD}|[{HAN}]")
    single = _without(single, f"(?:{_ENGLISH_STOP}|{_CHINESE_STOP})")
    joined = tf.strings.ngrams(tokens, tuple(range(2, _LONGEST + 1)), separator="")
    joined = _matching(joined, f"[{HAN}]+")
    joined = _without(joined, f".*{_CHINESE_STOP}.*")
    found = tf.concat([single, joined], axis=1)
    return _distinct(captions.with_values(found).merge_dims(1, 2))


def choose(counts: Mapping[str, int], rules: LabelRules) -> list[str]:
    """Returns the labels, most frequent first, ties as in `text.ranked`.

    Args:
      counts: in how many training pictures each of the `candidates` is; rare ones may be missing.
      rules: the limits.
    """
    frequent = {word: n for word, n in counts.items() if n >= rules.min_label_count}
    unspaced = {word: n for word, n in frequent.items() if re.match(f"[{HAN}]", word)}
    words = {word: n for word, n in frequent.items() if word not in unspaced} | _han_words(unspaced)
    if rules.label_words == CONTENT:
        words = {word: words[word] for word in content_words(words)}
    return [GROUP + word for word in text.ranked(words, rules.max_labels, 1)]


def keep_labels(
    found: tf.RaggedTensor, wanted: Callable[[tf.Tensor], tf.Tensor]
) -> tf.RaggedTensor:
    """Returns string[N, (n)]: the `candidates` found in N pictures as labels, those `wanted`.

    Args:
      found: string[N, (candidates)].
      wanted: from string[n] labels to bool[n].
    """
    names = found.with_flat_values(tf.strings.join([GROUP, found.flat_values]))
    return tf.ragged.boolean_mask(names, names.with_flat_values(wanted(names.flat_values)))


def count(pictures: Iterable[Sequence[str]]) -> collections.Counter[str]:
    """Counts the pictures that each candidate is in; each item holds the captions of one."""
    counts: collections.Counter[str] = collections.Counter()
    for found in _found(pictures):
        counts.update(word.decode("utf-8") for word in found.flat_values.numpy())
    return counts


def label(pictures: Iterable[Sequence[str]], labels: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns which of the mined `labels` the captions of each picture have."""
    table = text.Vocabulary(labels).table()
    return [
        tuple(name.decode("utf-8") for name in row)
        for found in _found(pictures)
        for row in keep_labels(found, lambda names: table.lookup(names) != text.UNK).to_list()
    ]


def with_labels(
    splits: Mapping[str, Sequence[CaptionedImage]], rules: LabelRules
) -> dict[str, Sequence[CaptionedImage]]:
    """Returns the pictures with mined labels as attributes, where `rules` ask for them.

    Args:
      splits: pictures by split; `train` decides what labels there are.
      rules: which labels are wanted.

    Raises:
      ModuleNotFoundError: `rules` ask for a tagger that is not installed.
    """
    if rules.label_words == CONTENT:
        require_taggers()
    given = any(one.attributes for one in splits["train"])
    if rules.labels == GIVEN or (rules.labels == AUTO and given):
        return dict(splits)
    names = choose(count(one.captions for one in splits["train"]), rules)
    if rules.labels == CAPTIONS:
        splits = {split: [replace(one, attributes=()) for one in splits[split]] for split in splits}
    return {split: relabel(pictures, names) for split, pictures in splits.items()}


def relabel(pictures: Sequence[CaptionedImage], labels: Sequence[str]) -> list[CaptionedImage]:
    """Adds to the attributes of the pictures the mined `labels` that their captions have."""
    mined = label((one.captions for one in pictures), labels)
    return [
        replace(one, attributes=(*one.attributes, *found))
        for one, found in zip(pictures, mined, strict=True)
    ]


_BATCH = 256
_graph = graph(
    lambda captions: candidates(captions, text.tokenise(captions.flat_values)),
    input_signature=[tf.RaggedTensorSpec([None, None], tf.string)],
)


def _found(pictures: Iterable[Sequence[str]]) -> Iterable[tf.RaggedTensor]:
    iterator = iter(pictures)
    while batch := [list(captions) for captions in itertools.islice(iterator, _BATCH)]:
        yield _graph(tf.ragged.constant(batch, tf.string, ragged_rank=1))


def _matching(strings: tf.RaggedTensor, pattern: str) -> tf.RaggedTensor:
    fits = tf.strings.regex_full_match(strings.flat_values, pattern)
    return tf.ragged.boolean_mask(strings, strings.with_flat_values(fits))


def _without(strings: tf.RaggedTensor, pattern: str) -> tf.RaggedTensor:
    fits = tf.strings.regex_full_match(strings.flat_values, pattern)
    return tf.ragged.boolean_mask(strings, strings.with_flat_values(tf.logical_not(fits)))


def _distinct(strings: tf.RaggedTensor) -> tf.RaggedTensor:
    """Leaves out what was in the same row before."""
    rows, values = strings.value_rowids(), strings.values
    keys, place = tf.unique(tf.strings.join([tf.strings.as_string(rows), values], " "))
    order = tf.range(tf.size(values))
    first = tf.math.unsorted_segment_min(order, place, tf.size(keys))
    return tf.RaggedTensor.from_value_rowids(
        tf.gather(values, first), tf.gather(rows, first), nrows=strings.nrows()
    )


def _han_words(counts: Mapping[str, int]) -> dict[str, int]:
    """Those of the frequent pieces of Chinese that are words."""
    total = sum(n for piece, n in counts.items() if len(piece) == 1)
    words: dict[str, int] = {}
    within: dict[str, int] = {}
    for piece in sorted(counts, key=len, reverse=True):
        n = counts[piece]
        if len(piece) == 1:
            fits = piece not in stop_words.CHINESE_ENDINGS
        else:
            fits = _cohesion(piece, counts, total) >= COHESION
        most = WITHIN_ONE if len(piece) == 1 else WITHIN
        if fits and within.get(piece, 0) <= most * n:
            words[piece] = n
            within.update((part, max(within.get(part, 0), n)) for part in _parts(piece))
    return words


def _cohesion(piece: str, counts: Mapping[str, int], total: int) -> float:
    """How much more often the parts of a piece meet than by chance, where that is least."""
    cuts = ((piece[:place], piece[place:]) for place in range(1, len(piece)))
    return min(counts[piece] * total / (counts[head] * counts[tail]) for head, tail in cuts)


def _parts(piece: str) -> set[str]:
    ends = itertools.combinations(range(len(piece) + 1), 2)
    return {piece[start:end] for start, end in ends} - {piece}
