"""Where the recogniser's labels come from; needs no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

AUTO, GIVEN, CAPTIONS = "auto", "given", "captions"
SOURCES = (AUTO, GIVEN, CAPTIONS)
ALL, CONTENT = "all", "content"
WORDS = (ALL, CONTENT)


@dataclass(frozen=True)
class LabelRules:
    """Where labels come from.

    Attributes:
      labels: `given` takes the attributes of the data, `captions` mines the captions, `auto` takes
        the attributes where the training pictures have any.
      max_labels: mined labels at most, the most frequent first.
      min_label_count: a word in fewer training pictures is no label.
      label_words: `all` mined words but stop words, or `content`, only nouns, verbs and adjectives,
        as taggers judge them (`data.mining`).
    """

    labels: str = AUTO
    max_labels: int = 200
    min_label_count: int = 10
    label_words: str = ALL
