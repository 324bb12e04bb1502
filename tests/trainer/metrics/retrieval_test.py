import numpy as np
import pytest

from trainer.metrics.retrieval import candidate_count, hits, r_precision, recall_at_1


def _noisy_pairs(noise, n=300, d=16, seed=0):
    rng = np.random.default_rng(seed)
    text = rng.normal(size=(n, d))
    return text + noise * rng.normal(size=(n, d)), text


def _by_drawing(queries, gallery, candidates, groups, *, rounds, rng):
    """The textbook way: draw mismatches, rank, count."""
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    gallery = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    won = np.zeros(len(queries))
    for row, query in enumerate(queries):
        others = [i for i in range(len(gallery)) if groups[i] != groups[row]]
        for _ in range(rounds):
            pool = rng.choice(others, candidates - 1, replace=False)
            won[row] += query @ gallery[row] > (gallery[pool] @ query).max()
    return won / rounds


def test_expectation_equals_the_mean_over_random_draws():
    images, text = _noisy_pairs(2.0, n=60)
    groups = [row // 3 for row in range(60)]
    exact = hits(images, text, 20, groups)
    drawn = _by_drawing(images, text, 20, groups, rounds=300, rng=np.random.default_rng(1))
    np.testing.assert_allclose(exact, drawn, atol=0.12)
    np.testing.assert_allclose(exact.mean(), drawn.mean(), atol=0.01)


def test_all_candidates_is_plain_recall_at_1():
    images, text = _noisy_pairs(1.0, n=100)
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)  # noqa: E731
    first = (unit(images) @ unit(text).T).argmax(1) == np.arange(100)
    np.testing.assert_array_equal(hits(images, text, 100), first)


def test_perfect_random_and_constant_embeddings():
    _, text = _noisy_pairs(0.0)
    assert r_precision(text, text).value == 1.0
    other = np.random.default_rng(9).normal(size=text.shape)
    assert r_precision(other, text).value < 0.03
    assert r_precision(text, np.ones_like(text)).value == pytest.approx(0.01)
    assert r_precision(np.ones_like(text), np.ones_like(text)).value == pytest.approx(0.01)


def test_falls_with_noise_and_with_shuffled_captions():
    values = [r_precision(*_noisy_pairs(noise)).value for noise in (0.0, 0.5, 1.0, 2.0, 8.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[-1] > 0.9
    images, text = _noisy_pairs(0.3)
    assert r_precision(images, np.roll(text, 1, 0)).value < 0.03


def test_an_equal_caption_is_no_mismatch():
    images, text = _noisy_pairs(0.0, n=40)
    text[20:] = text[:20]
    images[20:] = images[:20]
    captions = [f"caption {row % 20}" for row in range(40)]
    assert r_precision(images, text, 20, groups=captions).value == 1.0
    assert r_precision(images, text, 20).value < 0.9


def test_direction_matters():
    images, text = _noisy_pairs(0.0, n=50)
    images[1:] += 40 * images[0]
    forward = recall_at_1(text, images, 50).value
    assert forward != recall_at_1(images, text, 50).value


def test_too_few_mismatches_is_an_error():
    images, text = _noisy_pairs(0.0, n=30)
    with pytest.raises(ValueError, match="99 mismatches"):
        r_precision(images, text, 100)
    assert candidate_count(30, 100) == 30
    assert candidate_count(30, 100, ["same"] * 5 + list(range(25))) == 26
    with pytest.raises(ValueError, match="no mismatched"):
        candidate_count(4, 100, ["same"] * 4)


def test_embeddings_that_are_no_numbers_score_worst():
    queries = np.random.default_rng(0).normal(size=(200, 8))
    nothing = np.full_like(queries, np.nan)
    assert recall_at_1(nothing, nothing, 100).value == 0
    assert recall_at_1(nothing, queries, 100).value == 0
    some = queries.copy()
    some[::4] = np.nan
    # Neither a broken row of its own nor one among its candidates helps a query.
    assert hits(some, some, 100)[::4].max() == 0
    assert hits(queries, some, 100)[1] < hits(queries, queries, 100)[1]
