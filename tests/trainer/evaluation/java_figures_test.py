"""METEOR and SPICE as figures, with a scorer in the programs' place."""

import numpy as np
import pytest

from trainer.evaluation import caption_metrics
from trainer.evaluation.inputs import NotMeasured
from trainer.metrics import java
from trainer.metrics.tokens import Unavailable


def overlap(candidates, references):
    """Share of a caption's words that its references hold."""
    each = [
        np.mean([word in " ".join(texts).split() for word in text.split()])
        for text, texts in zip(candidates, references, strict=True)
    ]
    return java.JavaScores(float(np.mean(each)), np.array(each))


@pytest.mark.parametrize("name", ["meteor", "spice"])
def test_figures_have_chance_ceiling_and_baselines(name, said, monkeypatch, right):
    monkeypatch.setattr(java, name, lambda: overlap)
    (metric,) = getattr(caption_metrics, name)(said(right, ("en", "zh")))
    assert metric.name == f"{name}_en"
    assert (metric.parts["all_references"], metric.n) == (1.0, 80)
    assert metric.chance < 0.95
    # The captioner says one of the two references; where that is left out, people say it.
    assert 0.5 < metric.ceiling < 1.0
    assert metric.value == 1.0
    assert set(metric.baselines) == {"most_frequent_caption", "nearest_training_image"}
    assert metric.baselines["most_frequent_caption"] < 0.95


def test_what_is_missing_is_told_and_no_zero(said, monkeypatch, right):
    def absent():
        raise Unavailable("METEOR needs Java")

    monkeypatch.setattr(java, "meteor", absent)
    with pytest.raises(NotMeasured, match="METEOR needs Java"):
        caption_metrics.meteor(said(right))


def test_other_languages_are_not_scored(said, right):
    with pytest.raises(NotMeasured, match="is for English captions"):
        caption_metrics.spice(said(right, ("zh",)))
