"""Mines labels for the recogniser from captions: the frequent content words.

A label is `word:` and a word. In scripts with spaces, a word is a token that is not a stop word.
Chinese has no spaces. There, a word is a sequence of up to four characters that is cohesive: its
parts co-occur far more often than by chance (pointwise mutual information; Church and Hanks 1990),
and it is not mostly a part of longer words. A count is the number of pictures with the word in any
caption. Counting, labelling and evaluation use the same graph operations.
"""

from __future__ import annotations

import collections
import functools
import importlib.util
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import tensorflow as tf

from data import text
from data.base.graphs import graph
from data.label_rules import AUTO, CAPTIONS, CONTENT, GIVEN, LabelRules
from data.languages import HAN
from data.schema import CaptionedImage

# Stop words, only from closed classes: articles, pronouns, prepositions, conjunctions, auxiliaries,
# particles, numbers, measure words. General lists of information retrieval also contain `man`,
# `front`, `fire` or `young`, which are content words of captions.
_ENGLISH_STOP_WORDS = """
a an the this that these those such same other another each every either neither both all any
some no none many much more most several few less least own enough
i me my mine myself you your yours yourself yourselves he him his himself she her hers herself
it its itself we us our ours ourselves they them their theirs themselves who whom whose which
what someone something anyone anything everyone everything nothing nobody one's oneself
and or nor but so yet if then else than because as while whereas although though unless until
whether when where why how since
of in on at by for from to into onto out off over under above below between among amongst amid
about across after against ahead along alongside around aside atop away before behind beneath
beside besides beyond despite down during except inside near nearby next outside past per
through throughout together toward towards underneath up upon via with within without
am is are was were be been being do does did doing done have has had having can could may might
must shall should will would ought cannot let lets get gets getting got
ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't he'd he'll i'd i'll i'm
i've isn't mustn't shan't she'd she'll shouldn't they'd they'll they're they've wasn't we'd
we'll we're we've weren't won't wouldn't you'd you'll you're you've
not only just also too very quite rather really almost again ever never always often here there
now still even already perhaps well
one two three four five six seven eight nine ten eleven twelve first second third
"""
ENGLISH_STOP_WORDS = frozenset(_ENGLISH_STOP_WORDS.split())

# A word never contains one of these characters.
CHINESE_STOP_WORDS = frozenset(
    "的地得了着过吗呢吧啊呀嘛是在有没不也都还又再就才很太最更挺真正刚已曾将会能可要应该"
    "和与及跟同或而但却且因为所以于从到向往朝由把被让给对用以"
    "我你您他她它们咱这那此其某每各另谁哪什么怎"
    "一二两三四五六七八九十百千几多些半双俩个只条位名张件辆匹群种次块根艘棵朵"
    "上下里中内外前后左右旁边间面处之起来去像"
)

# Suffixes, which are not words by themselves.
CHINESE_ENDINGS = frozenset("子儿者样色")


# Parts of speech by the taggers of the extra `tagger`, without context: the Hanover Tagger for
# English, with the tags of the British National Corpus (CLAWS C5), and jieba for Chinese, with the
# tags of the People's Daily corpus.
#
# Nouns, names, verbs other than be, do, have and modals, adjectives.
_ENGLISH_TAGS = re.compile("NN|NP|VV|AJ")
# Nouns, verbs, adjectives, attributive-only words, state words.
_CHINESE_TAGS = re.compile("[nvabz]")
_TAGGERS = ("HanTa", "rjieba")


def require_taggers() -> None:
    """Raises ModuleNotFoundError, with the remedy, if a tagger is missing."""
    missing = [name for name in _TAGGERS if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"data.label_words = 'content' needs {' and '.join(missing)}: install them with "
            "pip install 'tuwen[tagger]', or set data.label_words to all"
        )


def content_words(words: Iterable[str]) -> list[str]:
    """Returns the nouns, verbs and adjectives; words of other scripts are kept.

    Raises:
      ModuleNotFoundError: a tagger is missing.
    """
    require_taggers()
    return [word for word in words if _is_content(word)]


def _is_content(word: str) -> bool:
    if re.match(f"[{HAN}]", word):
        return any(_CHINESE_TAGS.match(tag) for _, tag in _chinese_tagger().tag(word))
    if word.isascii():
        tags = _english_tagger().tag_word(word)
        return bool(tags) and _ENGLISH_TAGS.match(tags[0][0]) is not None
    return True


@functools.cache
def _english_tagger():
    from HanTa import HanoverTagger

    return HanoverTagger.HanoverTagger("morphmodel_en.pgz")


@functools.cache
def _chinese_tagger():
    import rjieba

    return rjieba.Jieba()


GROUP = "word:"

# Minimum co-occurrence of the parts of a Chinese word, as a multiple of chance.
COHESION = 8.0
# A sequence is not a word if one longer word contains it in more than this fraction of its
# pictures; the second number is for single characters, few of which are words.
WITHIN, WITHIN_ONE = 0.75, 0.5
_LONGEST = 4

_WORD = r"\p{L}[\p{L}\p{M}'\-]+"
_ENGLISH_STOP = "|".join(sorted(ENGLISH_STOP_WORDS))
_CHINESE_STOP = "[" + "".join(sorted(CHINESE_STOP_WORDS)) + "]"


def candidates(captions: tf.RaggedTensor, tokens: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns the candidates for words in the captions of N pictures.

    Args:
      captions: string[N, (captions)].
      tokens: string[M, (tokens)], `text.tokenise` of the flat captions.

    Returns:
      string[N, (candidates)], each once per picture, in the order of the captions.
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
    """Returns the labels, most frequent first; ties as in `text.ranked`.

    Args:
      counts: number of training pictures with each of the `candidates`; rare ones may be missing.
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
    """Keeps the `candidates` of N pictures that are labels: string[N, (n)].

    Args:
      found: string[N, (candidates)].
      wanted: maps labels, string[n], to bool[n].
    """
    names = found.with_flat_values(tf.strings.join([GROUP, found.flat_values]))
    return tf.ragged.boolean_mask(names, names.with_flat_values(wanted(names.flat_values)))


def count(pictures: Iterable[Sequence[str]]) -> collections.Counter[str]:
    """Counts the pictures of each candidate; an item of `pictures` has the captions of one."""
    counts: collections.Counter[str] = collections.Counter()
    for found in _found(pictures):
        counts.update(word.decode("utf-8") for word in found.flat_values.numpy())
    return counts


def label(pictures: Iterable[Sequence[str]], labels: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns the mined `labels` in the captions of each picture."""
    table = text.Vocabulary(labels).table()
    return [
        tuple(name.decode("utf-8") for name in row)
        for found in _found(pictures)
        for row in keep_labels(found, lambda names: table.lookup(names) != text.UNK).to_list()
    ]


def with_labels(
    splits: Mapping[str, Sequence[CaptionedImage]], rules: LabelRules
) -> dict[str, Sequence[CaptionedImage]]:
    """Returns the pictures with mined labels as attributes, if `rules` ask for them.

    Args:
      splits: pictures by split; labels are mined from `train`.
      rules: the source of labels.

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
    """Adds the mined `labels` in the captions of each picture to its attributes."""
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
    """Removes repeated values in each row."""
    rows, values = strings.value_rowids(), strings.values
    keys, place = tf.unique(tf.strings.join([tf.strings.as_string(rows), values], " "))
    order = tf.range(tf.size(values))
    first = tf.math.unsorted_segment_min(order, place, tf.size(keys))
    return tf.RaggedTensor.from_value_rowids(
        tf.gather(values, first), tf.gather(rows, first), nrows=strings.nrows()
    )


def _han_words(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts of the sequences that are words."""
    total = sum(n for piece, n in counts.items() if len(piece) == 1)
    words: dict[str, int] = {}
    within: dict[str, int] = {}
    for piece in sorted(counts, key=len, reverse=True):
        n = counts[piece]
        if len(piece) == 1:
            fits = piece not in CHINESE_ENDINGS
        else:
            fits = _cohesion(piece, counts, total) >= COHESION
        most = WITHIN_ONE if len(piece) == 1 else WITHIN
        if fits and within.get(piece, 0) <= most * n:
            words[piece] = n
            within.update((part, max(within.get(part, 0), n)) for part in _parts(piece))
    return words


def _cohesion(piece: str, counts: Mapping[str, int], total: int) -> float:
    """Minimum over all cuts of how much more often the two parts co-occur than by chance."""
    cuts = ((piece[:place], piece[place:]) for place in range(1, len(piece)))
    return min(counts[piece] * total / (counts[head] * counts[tail]) for head, tail in cuts)


def _parts(piece: str) -> set[str]:
    ends = itertools.combinations(range(len(piece) + 1), 2)
    return {piece[start:end] for start, end in ends} - {piece}
