import numpy as np
import pytest

from trainer.metrics.retrieval import clip_score, text_sensitivity


def _unit(n, seed, d=12):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_clip_score_is_100_times_the_cosine_and_never_negative():
    texts = _unit(50, 0)
    assert clip_score(3.0 * texts, texts).value == pytest.approx(100.0)
    assert clip_score(-texts, texts).value == 0.0
    cosines = (_unit(50, 1) * texts).sum(1)
    found = clip_score(_unit(50, 1), texts)
    assert found.value == pytest.approx(100 * np.maximum(cosines, 0).mean())
    assert found.low < found.value < found.high
    with pytest.raises(ValueError, match="alike"):
        clip_score(texts, texts[:, :3])


def test_shuffled_captions_lower_the_clip_score_in_order():
    texts = _unit(200, 0)
    images = texts + 0.3 * _unit(200, 1)
    order = np.arange(200)
    scores = []
    for shuffled in (0, 50, 100, 200):
        order[:shuffled] = np.roll(order[:shuffled], 1)
        scores.append(clip_score(images, texts[order]).value)
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.3 * scores[0]


def test_a_picture_that_follows_its_new_caption_is_told_from_one_that_does_not():
    given, taken = _unit(200, 0), _unit(200, 1)
    before = taken + 0.1 * _unit(200, 2)
    found = [
        text_sensitivity((1 - share) * before + share * given, given, taken, before, 1.0)
        for share in (0.0, 0.4, 0.6, 1.0)
    ]
    followed = [one.followed.value for one in found]
    assert followed == sorted(followed)
    assert followed[0] == 0.0 and followed[-1] == 1.0
    change = [one.change.value for one in found]
    assert change == sorted(change) and change[0] == 0.0
    assert change[-1] == pytest.approx(np.linalg.norm(given - before, axis=1).mean())
    halved = text_sensitivity(given, given, taken, before, 2.0).change.value
    assert halved == pytest.approx(change[-1] / 2)


def test_a_constant_picture_follows_half_of_the_captions_and_changes_nothing():
    given, taken = _unit(400, 0), _unit(400, 1)
    constant = np.repeat(_unit(1, 2), 400, 0)
    found = text_sensitivity(constant, given, taken, constant, 1.0)
    assert found.change.value == 0.0
    assert found.followed.value == pytest.approx(0.5, abs=0.08)
    assert text_sensitivity(constant, given, given, constant, 1.0).followed.value == 0.5
