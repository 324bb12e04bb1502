"""Recognition and calibration of encoders whose scores are made to be right or wrong."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.evaluation import encoder_figures
from trainer.evaluation.inputs import NotMeasured


@pytest.fixture
def judged(said):
    """Figures of an encoder with given scores, by name."""
    evidence = said(lambda *_: "")
    # So few training pictures that the nearest one often carries something else.
    training = evidence.training
    few = replace(training, records=training.records[:12], embedding=training.embedding[:12])
    evidence = replace(evidence, training=few)

    def figures(scores=None):
        seen = evidence.real if scores is None else replace(evidence.real, scores=scores)
        changed = replace(evidence, real=seen)
        found = encoder_figures.recognition(changed) + encoder_figures.calibration(changed)
        return {metric.name: metric for metric in found}

    return evidence, figures


def carried(evidence):
    return np.array(
        [[name in one.attributes for name in evidence.names] for one in evidence.records]
    )


def test_scores_that_are_the_truth_are_perfect(judged):
    evidence, figures = judged
    found = figures(carried(evidence).astype(np.float32))
    for name in ("f1_micro", "f1_macro", "average_precision_micro", "average_precision_macro"):
        assert found[name].value == 1.0
        assert found[name].chance < 0.5
    assert found["calibration_error"].value == 0.0
    assert found["calibration_error"].chance > 0.2


def test_the_nearest_training_picture_is_a_rival(judged):
    evidence, figures = judged
    labels, nearest = carried(evidence), (evidence.real.embedding @ evidence.training.embedding.T)
    lent = np.array(
        [
            [name in evidence.training.records[place].attributes for name in evidence.names]
            for place in nearest.argmax(1)
        ]
    )
    hit = (lent & labels).sum()
    found = figures()
    rival = found["f1_micro"].baselines["nearest_training_image"]
    assert rival == pytest.approx(2 * hit / (lent.sum() + labels.sum()))
    assert 0.4 < rival < 0.9
    for name in ("f1_macro", "average_precision_micro", "average_precision_macro"):
        assert found[name].chance < found[name].baselines["nearest_training_image"] < 0.9


def test_noise_lowers_average_precision_and_scales_move_calibration_alone(judged):
    evidence, figures = judged
    labels = carried(evidence).astype(np.float64)
    noise = np.random.default_rng(0).random(labels.shape)
    clean, blurred, noisy = (
        figures((1 - share) * labels + share * noise) for share in (0.2, 0.6, 1.0)
    )
    for name in ("average_precision_micro", "average_precision_macro"):
        assert clean[name].value == 1.0
        assert clean[name].value > blurred[name].high > blurred[name].low > noisy[name].high
        assert noisy[name].low <= noisy[name].chance + 0.1
    timid = figures(0.5 * labels)
    assert timid["average_precision_micro"].value == 1.0
    assert timid["calibration_error"].value == pytest.approx(0.5 * labels.mean())
    assert timid["calibration_error"].baselines["always_no"] == labels.mean()


def test_bars_and_labels_say_the_same(judged):
    evidence, figures = judged
    found, labels = figures()["calibration_error"], encoder_figures.label_by_label(evidence)
    mean = np.mean([label.calibration_error for label in labels if label.support])
    assert found.parts["label_mean"] == pytest.approx(mean)
    bars = encoder_figures.diagram(evidence).bins
    gaps = [bar.count * abs(bar.score - bar.frequency) for bar in bars if bar.count]
    assert found.value == pytest.approx(sum(gaps) / sum(bar.count for bar in bars))


def test_without_known_attributes_nothing_is_measured(said):
    evidence = said(lambda *_: "")
    records = [replace(record, attributes=("mood:calm",)) for record in evidence.records]
    with pytest.raises(NotMeasured, match="no test picture carries"):
        encoder_figures.calibration(replace(evidence, records=records))
