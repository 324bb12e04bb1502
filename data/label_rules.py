"""The source of the recogniser's labels; needs no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

AUTO, GIVEN, CAPTIONS = "auto", "given", "captions"
SOURCES = (AUTO, GIVEN, CAPTIONS)
ALL, CONTENT = "all", "content"
WORDS = (ALL, CONTENT)


@dataclass(frozen=True)
class LabelRules:
    """The source of labels.

    Attributes:
      labels: `given` uses the attributes of the data, `captions` mines the captions, `auto` uses
        the attributes if the training pictures have any, else the captions.
      max_labels: maximum number of mined labels, most frequent first.
      min_label_count: minimum number of training pictures with the word in a caption.
      label_words: `all` words except stop words, or `content`: only nouns, verbs and adjectives
        according to part-of-speech taggers (`data.mining`).
    """

    labels: str = AUTO
    max_labels: int = 200
    min_label_count: int = 10
    label_words: str = ALL
