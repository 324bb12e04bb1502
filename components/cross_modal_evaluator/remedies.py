"""What a missed threshold means, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from trainer.metrics.result import SLICE

_ALIKE = (
    "Its pictures are too much alike: look for a collapse in the curves and sample sheets of the "
    "generator; a lower learning rate, more augmentation or an earlier checkpoint may help"
)
_COPIES = (
    "It paints training pictures again: train it for less time, on more pictures, or with more "
    "augmentation"
)
_DEAF = (
    "Its pictures do not show what captions say: train it longer, and the encoder before it, or "
    "with more weight on agreement"
)
_FAR = "Its pictures do not look like real ones: train it longer, or look at its curves"
_SAME = (
    "Its captions say hardly more than one sentence for all pictures: look at its curves, train "
    "it longer, or with a lower learning rate"
)
_WORDS = "Its captions are poor: train it longer, or look at its curves"
_BLIND = "The encoder does not tell pictures or captions apart: train it longer or make it wider"
_UNMEASURED = "Correct the threshold's name, or take it out of the config"
_BROKEN = (
    "Mend what it says or train the model again (--fresh runs every node); the log holds the whole "
    "trace"
)
_ELSE = "Train it longer, look at its pictures and curves, or change the thresholds"

_FORGOTTEN = (
    "It has forgotten what it could: read older spans with the new one (source.window) and give "
    "them a share of every step (training.replay), freeze more of what it starts from (freeze), or "
    "lower the rate of that (kept_rate)"
)

# The first pattern that fits the figure's name decides.
_OF_FIGURE = (
    ("prompt_diversity*", _ALIKE),
    ("duplicate_rate*", _ALIKE),
    ("recall_k*", _ALIKE),
    ("coverage_k*", _ALIKE),
    ("memorisation*", _COPIES),
    ("distinct*", _SAME),
    ("novel*", _SAME),
    ("r_precision*", _DEAF),
    ("*_agreement*", _DEAF),
    ("text_sensitivity*", _DEAF),
    ("kid_*", _FAR),
    ("fid_*", _FAR),
    ("precision_k*", _FAR),
    ("density_k*", _FAR),
    ("inception_score*", _FAR),
    ("bleu*", _WORDS),
    ("rouge*", _WORDS),
    ("cider*", _WORDS),
    ("meteor*", _WORDS),
    ("spice*", _WORDS),
    ("caption_truth*", _WORDS),
    ("retrieval*", _BLIND),
    ("f1_*", _BLIND),
    ("average_precision*", _BLIND),
)

# Remedies of which training for longer is a part.
_MORE_TRAINING = frozenset({_DEAF, _FAR, _SAME, _WORDS, _BLIND, _ELSE})

MEASURED, WORKS, BEATS, FORGETTING = "measured", "works", "beats", "max_forgetting"


def remedy(rule: str, figure: str, rival: str = "") -> str:
    """Returns what to do about a failed check, a phrase without its full stop.

    Args:
      rule: of the check.
      figure: its name, or the pattern that matched none.
      rival: the baseline that was not beaten, or "".
    """
    if rule == WORKS:
        return _BROKEN
    if rule == FORGETTING:
        return _FORGOTTEN
    if rule == MEASURED:
        return _UNMEASURED
    if rule == BEATS and rival.startswith("most_frequent"):
        return _SAME
    name = figure.partition(SLICE)[0]
    return next((text for pattern, text in _OF_FIGURE if fnmatchcase(name, pattern)), _ELSE)


def is_more_training(text: str) -> bool:
    """Whether the remedy `text` says to train for longer."""
    return text in _MORE_TRAINING


def in_order(remedies: Iterable[str]) -> str:
    """Joins remedies to sentences, each said once."""
    return " ".join(f"{text}." for text in dict.fromkeys(remedies) if text)
