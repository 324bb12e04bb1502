"""Beam search over small chains of words, against all sequences there are."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from data.text import END, PAD, START
from trainer.models.decoding import _Beams, _best, beam_search

SIZE = 7
WORDS = range(4, SIZE)


def chain(seed, sharpness=1.5):
    """log P(next | word) [V, V] of a Markov chain; PAD, UNK and START are never said."""
    logits = np.random.default_rng(seed).normal(scale=sharpness, size=(SIZE, SIZE))
    logits[:, :END] = -1e9
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def changing_chain(seed, steps):
    """Another chain for each place [steps, V, V], so that no two captions are equally likely."""
    return np.stack([chain(100 * seed + place, 3.0) for place in range(steps)])


def search(chains, beam, steps, power, no_repeat=0):
    """Searches one chain for each picture; the state counts the words, the attention shows both."""
    tables = tf.constant(np.repeat(chains, beam, axis=0))

    def step(words, state):
        here = tables
        if len(tables.shape) > 3:
            here = tf.gather(tables, tf.cast(state[:, 0], tf.int32), batch_dims=1)
        log_p = tf.gather(here, words, batch_dims=1)
        attention = tf.stack([tf.cast(words, tf.float32), state[:, 0]], axis=1)
        return log_p, state + 1.0, attention

    state = tf.zeros([len(chains) * beam, 1])
    first = tf.fill([len(chains) * beam], START)
    return beam_search(step, state, first, beam, steps, 2, power, no_repeat)


def all_captions(table, steps):
    """Every caption of at most `steps` tokens, END included, with its log probability."""
    for length in range(steps):
        for words in itertools.product(WORDS, repeat=length):
            said = [*words, END]
            path = zip([START, *words], said, strict=True)
            yield said, float(sum(table[before, after] for before, after in path))


def repeats(said, n):
    """Whether an n-gram stands twice in a caption."""
    grams = [tuple(said[start : start + n]) for start in range(len(said) - n + 1)]
    return bool(n) and len(set(grams)) < len(grams)


def by_hand(table, beam, steps, power, no_repeat):
    """The beam search of one picture over lists; `table` as of `changing_chain`."""
    beams = [([], 0.0)]
    for place in range(steps):
        grown = []
        for said, total in beams:
            if END in said:
                grown.append((said, total))
                continue
            for word in [END] if place == steps - 1 else [END, *WORDS]:
                if not repeats([*said, word], no_repeat):
                    before = said[-1] if said else START
                    grown.append(([*said, word], total + float(table[place, before, word])))
        beams = sorted(grown, key=lambda item: -item[1])[:beam]
    return max(beams, key=lambda item: item[1] / len(item[0]) ** power)


def greedy(table, steps):
    word, said, total = START, [], 0.0
    while word != END:
        after = END if len(said) == steps - 1 else int(np.argmax(table[word]))
        total += float(table[word, after])
        said.append(after)
        word = after
    return said, total


def padded(said, steps):
    return said + [PAD] * (steps - len(said))


@pytest.mark.parametrize("power", [0.0, 0.7, 1.5])
def test_a_wide_beam_finds_the_best_of_all_captions(power):
    steps = 4
    chains = np.stack([chain(seed) for seed in range(12)])
    found = search(chains, beam=60, steps=steps, power=power)
    lengths = set()
    for table, ids, log_prob in zip(chains, found.ids.numpy(), found.log_prob, strict=True):
        best, total = max(
            all_captions(table, steps), key=lambda item: item[1] / len(item[0]) ** power
        )
        assert ids.tolist() == padded(best, steps)
        assert float(log_prob) == pytest.approx(total, abs=1e-4)
        lengths.add(len(best))
    assert len(lengths) > 1


def test_one_beam_is_greedy():
    chains = np.stack([chain(seed) for seed in range(12)])
    found = search(chains, beam=1, steps=6, power=0.7)
    expected = [greedy(table, 6) for table in chains]
    assert found.ids.numpy().tolist() == [padded(said, 6) for said, _ in expected]
    np.testing.assert_allclose(found.log_prob, [total for _, total in expected], atol=1e-4)


def test_two_beams_beat_greedy():
    chains = np.stack([chain(seed) for seed in range(40)])
    one, two = (search(chains, beam, 6, 0.0).log_prob.numpy() for beam in (1, 2))
    assert (two >= one - 1e-5).mean() > 0.9 and (two > one + 1e-3).any()


@pytest.mark.parametrize("no_repeat", [0, 1, 2, 3])
@pytest.mark.parametrize("beam", [1, 4])
def test_no_beam_says_an_n_gram_twice(beam, no_repeat):
    steps = 9
    chains = np.stack([changing_chain(seed, steps) for seed in range(10)])
    chains[..., END] -= 3
    found = search(chains, beam, steps, 0.7, no_repeat)
    for table, ids, log_prob in zip(chains, found.ids.numpy(), found.log_prob, strict=True):
        said, total = by_hand(table, beam, steps, 0.7, no_repeat)
        assert ids.tolist() == padded(said, steps)
        assert float(log_prob) == pytest.approx(total, abs=1e-4)
        assert not repeats(said, no_repeat)
    free = [by_hand(table, beam, steps, 0.7, 0)[0] for table in chains]
    assert not no_repeat or any(repeats(said, no_repeat) for said in free)


def test_n_grams_longer_than_a_caption_forbid_nothing():
    chains = np.stack([chain(seed) for seed in range(6)])
    free, bound = (search(chains, 3, 4, 0.7, n) for n in (0, 9))
    np.testing.assert_array_equal(free.ids, bound.ids)


def test_a_higher_length_power_gives_longer_captions():
    chains = np.stack([chain(seed) for seed in range(12)])
    lengths = [float(np.mean(search(chains, 40, 5, power).ids != PAD)) for power in (0.0, 1.0, 2.0)]
    assert lengths[0] < lengths[1] < lengths[2]


@pytest.mark.parametrize("beam", [1, 3])
def test_every_caption_ends_once_and_is_padded_after_it(beam):
    endless = chain(0)
    endless[:, END] -= 50
    hasty = chain(1)
    hasty[START, END] = 50
    ids = search(np.stack([endless, hasty, chain(2)]), beam, 5, 0.7).ids.numpy()
    ended = np.cumsum(ids == END, axis=1)
    assert (ended[:, -1] == 1).all()
    np.testing.assert_array_equal(ids == PAD, (ended == 1) & (ids != END))
    assert ids[0].tolist().index(END) == 4 and ids[1].tolist() == padded([END], 5)


@pytest.mark.parametrize("beam", [1, 4])
def test_attention_and_state_follow_the_words_of_the_chosen_beam(beam):
    found = search(np.stack([chain(seed) for seed in range(12)]), beam, 6, 0.7)
    for ids, attention in zip(found.ids.numpy(), found.attention.numpy(), strict=True):
        length = ids.tolist().index(END) + 1
        np.testing.assert_array_equal(attention[:length, 0], [START, *ids[: length - 1]])
        np.testing.assert_array_equal(attention[:length, 1], range(length))
        assert not attention[length:].any()


def test_each_picture_is_searched_on_its_own():
    chains = np.stack([chain(seed) for seed in range(5)])
    together = search(chains, 3, 6, 0.7)
    for row, table in enumerate(chains):
        alone = search(table[None], 3, 6, 0.7)
        np.testing.assert_array_equal(alone.ids[0], together.ids[row])
        np.testing.assert_allclose(alone.log_prob[0], together.log_prob[row], atol=1e-5)


def test_the_graph_finds_the_same():
    chains = np.stack([chain(seed) for seed in range(6)])
    eager = search(chains, 3, 6, 0.7, 2)
    graph = tf.function(lambda: search(chains, 3, 6, 0.7, 2))()
    for one, other in zip(eager, graph, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.debian13
@pytest.mark.processor
def test_near_ties_are_decided_alike_wherever_a_picture_stands():
    """Three hypotheses that score the same but for rounding, of four equal pictures."""
    rng, steps, power = np.random.default_rng(0), 20, 0.6
    best = tf.function(lambda ids, log_prob: _best(_beams(ids, log_prob), power).ids)
    for _ in range(200):
        lengths = rng.choice(np.arange(1, steps + 1), 3, replace=False)
        ids = np.where(np.arange(steps) < lengths[:, None], END, PAD).astype(np.int32)
        log_prob = (-rng.uniform(1, 2) * lengths**power).astype(np.float32)
        chosen = best(np.tile(ids, [4, 1, 1]), np.tile(log_prob, [4, 1])).numpy()
        np.testing.assert_array_equal(chosen, chosen[:1].repeat(4, axis=0))


def _beams(ids, log_prob):
    nothing = tf.zeros_like(log_prob)
    return _Beams(tf.constant(0), ids, log_prob, nothing > 0, nothing, nothing)
