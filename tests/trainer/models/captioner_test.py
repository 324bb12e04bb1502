"""The captioner's words, attention and search."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from data.text import END, PAD, START, UNK
from trainer.config import CaptionerSettings, Experiment
from trainer.models.build import build_captioner
from trainer.models.captioner import search, token_frequencies

SIZE, PLACES, CHANNELS, CONDITION = 12, 64, 6, 5
FREQUENCIES = np.array([0, 9, 0, 40, 30, 20, 10, 5, 4, 3, 2, 1], np.float64)


def inputs():
    rng = np.random.default_rng(0)
    grid = rng.normal(size=(4, PLACES, CHANNELS)).astype(np.float32)
    picture = rng.normal(size=(4, CONDITION)).astype(np.float32)
    ids = np.array(
        [
            [START, 4, 5, 6, END],
            [START, 7, 8, END, PAD],
            [START, UNK, 9, 10, END],
            [START, 11, END, PAD, PAD],
        ],
        np.int32,
    )
    return grid, picture, ids


SEARCH = CaptionerSettings(beam=3, length_power=0.7)
KINDS = {
    "default": {},
    "without attention": {"attention": "none"},
    "three layers": {"layers": 3},
    "two languages": {"languages": ("en", "zh")},
}


def build(policy, languages=("en",), **chosen):
    settings = CaptionerSettings(units=8, embedding=6, dropout=0.3, **chosen)
    experiment = Experiment(captioner=settings)
    sizes = ((PLACES, CHANNELS), CONDITION)
    return build_captioner(experiment, FREQUENCIES, *sizes, policy, languages)


@pytest.fixture(scope="module", params=KINDS)
def case(harness, request):
    return harness.Case(
        build=lambda policy: build(policy, **KINDS[request.param]),
        inputs=inputs(),
        training={"seed": tf.constant([1, 2])},
        dtypes=("float32",),
    )


@pytest.fixture(scope="module")
def model(case):
    return case.model()


@pytest.mark.parametrize(
    "check", ["graph", "mixed_precision", "gradients", "weights_file", "float32_island"]
)
def test_contract(harness, case, check, tmp_path):
    harness.check(check, case, tmp_path)


def test_untrained_it_says_words_as_often_as_they_were_seen():
    fresh = build("float32")
    fresh.widen.kernel.assign(tf.zeros_like(fresh.widen.kernel))
    p = tf.nn.softmax(fresh(inputs())).numpy()
    expected = FREQUENCIES + 1
    expected[[PAD, UNK, START]] = 0
    np.testing.assert_allclose(p[0, 0], expected / expected.sum(), rtol=1e-4)


def test_padding_unknown_and_start_cannot_be_said(model):
    log_p = tf.nn.log_softmax(model(inputs())).numpy()
    assert (log_p[..., [PAD, UNK, START]] < -1e8).all()
    assert (log_p[..., END:] > -50).all()


def test_teacher_forcing_is_one_step_after_another(model):
    grid, picture, ids = inputs()
    memory, state = model.begin(grid, picture)
    logits = model((grid, picture, ids))
    assert logits.shape == (4, 4, SIZE)
    for place in range(4):
        output, state, attention = model.step(ids[:, place], state, memory)
        np.testing.assert_allclose(model.logits(output), logits[:, place], atol=1e-5)
        assert attention.shape == (4, PLACES) and attention.dtype == tf.float32
        np.testing.assert_allclose(np.sum(attention, axis=1), 1.0, rtol=1e-5)


def test_a_word_depends_on_picture_and_words_before_it_only(model):
    grid, picture, ids = inputs()
    logits = model((grid, picture, ids)).numpy()
    later = ids.copy()
    later[:, 2] = 8
    changed = model((grid, picture, later)).numpy()
    np.testing.assert_array_equal(changed[:, :2], logits[:, :2])
    assert (changed[0, 2:] != logits[0, 2:]).any()
    moved = grid.copy()
    moved[0, 13] += 1
    changed = model((moved, picture, ids)).numpy()
    assert (changed[0] != logits[0]).any()
    np.testing.assert_allclose(changed[1:], logits[1:], atol=1e-6)


def test_without_attention_every_word_is_told_the_mean_of_the_picture():
    (grid, picture, ids), rng = inputs(), np.random.default_rng(1)
    other = rng.normal(size=grid.shape).astype(np.float32)
    other += np.mean(grid - other, axis=1, keepdims=True)
    model, attending = build("float32", attention="none"), build("float32")
    np.testing.assert_allclose(
        model((other, picture, ids)), model((grid, picture, ids)), rtol=1e-4, atol=1e-5
    )
    moved = attending((other, picture, ids)) - attending((grid, picture, ids))
    assert np.abs(moved).max() > 1e-3
    model.start_state.kernel.assign(tf.zeros_like(model.start_state.kernel))
    started_alike = model((grid, picture, ids)).numpy()
    np.testing.assert_array_equal(model((grid, picture + 1, ids)), started_alike)
    assert (model((grid + 1, picture, ids)).numpy() != started_alike).any()
    found = search(model, grid, picture, SEARCH, 5)
    lit = found.attention.numpy()[found.ids.numpy() != PAD]
    np.testing.assert_allclose(lit, 1 / PLACES, rtol=1e-6)


def test_layers_hear_one_another_through_dropout():
    model, (grid, picture, ids) = build("float32", layers=2), inputs()
    quiet = model((grid, picture, ids)).numpy()
    model.logits = lambda output, seed=None: type(model).logits(model, output)
    between = model((grid, picture, ids), seed=tf.constant([1, 2])).numpy()
    assert (between != quiet).any()
    model.upper[0].cell.kernel.assign(tf.zeros_like(model.upper[0].cell.kernel))
    deaf = model((grid, picture, ids)).numpy()
    ids = np.where(np.isin(ids, [START, END, PAD]), ids, 4)
    np.testing.assert_array_equal(model((grid, picture, ids)), deaf)


def test_dropout_follows_its_seed(model):
    batch = inputs()
    once = model(batch, seed=tf.constant([1, 2])).numpy()
    np.testing.assert_array_equal(once, model(batch, seed=tf.constant([1, 2])))
    assert (once != model(batch, seed=tf.constant([1, 3])).numpy()).any()
    assert (once != model(batch).numpy()).any()


def test_search_scores_captions_as_teacher_forcing_does(model):
    grid, picture, _ = inputs()
    language = np.array([0, 0, 1, 1], np.int32) % len(model.languages)
    found = search(model, grid, picture, SEARCH, 5, language)
    ids = np.concatenate([model.first_word(language)[:, None], found.ids], axis=1)
    log_p = tf.nn.log_softmax(model((grid, picture, ids)))
    said = tf.gather(log_p, found.ids, batch_dims=2).numpy() * (found.ids.numpy() != PAD)
    np.testing.assert_allclose(found.log_prob, said.sum(axis=1), rtol=1e-4)
    lit = np.sum(found.attention, axis=2)
    length = np.argmax(found.ids.numpy() == END, axis=1) + 1
    for row in range(4):
        np.testing.assert_allclose(lit[row, : length[row]], 1.0, rtol=1e-5)


def test_search_describes_each_picture_on_its_own(model):
    grid, picture, _ = inputs()
    together = search(model, grid, picture, SEARCH, 5)
    for row in range(4):
        alone = search(model, grid[row : row + 1], picture[row : row + 1], SEARCH, 5)
        np.testing.assert_array_equal(alone.ids[0], together.ids[row])
        np.testing.assert_allclose(alone.attention[0], together.attention[row], atol=1e-5)


def test_the_first_word_says_which_language_to_write():
    model, (grid, picture, _) = build("float32", ("en", "zh", "de")), inputs()
    assert model.first_word(np.array([0, 1, 2])).tolist() == [SIZE, SIZE + 1, SIZE + 2]
    asked = [search(model, grid, picture, SEARCH, 5, np.full(4, one, np.int32)) for one in range(3)]
    assert len({tuple(found.log_prob.numpy()) for found in asked}) == 3
    default = search(model, grid, picture, SEARCH, 5)
    np.testing.assert_array_equal(default.log_prob, asked[0].log_prob)
    assert build("float32", ("zh",)).first_word(np.array([0, 0])).tolist() == [START, START]


def test_search_says_nothing_twice_that_it_must_not(model):
    grid, picture, _ = inputs()

    def longest(settings):
        ids = search(model, grid, picture, settings, 9).ids.numpy()
        return max(row.tolist().count(word) for row in ids for word in range(4, SIZE))

    eager = CaptionerSettings(beam=3, length_power=9.0)
    assert longest(eager) > 1 and longest(replace(eager, no_repeat=1)) == 1


def test_frequencies_count_what_is_said():
    ids = np.array([[[START, 4, 4, END], [START, 5, END, PAD]]], np.int32)
    assert token_frequencies(ids, 7).tolist() == [0, 0, 0, 2, 2, 1, 0]


@pytest.mark.debian13
@pytest.mark.processor
@pytest.mark.parametrize("beam", [1, 2, 3, 5])
def test_equal_pictures_have_equal_answers_wherever_they_stand(beam):
    """Of two hypotheses and of five, the rows of the step have to be filled up on AVX2."""
    settings = CaptionerSettings(beam=beam)
    grid, picture, _ = inputs()
    model = build("float32")
    answers_of = tf.function(lambda *one: search(model, *one, settings, 6))
    for index in range(len(grid)):
        repeated = [tf.constant(np.repeat(x[index : index + 1], 4, 0)) for x in (grid, picture)]
        for answer in answers_of(*repeated):
            np.testing.assert_array_equal(answer, answer.numpy()[:1].repeat(4, axis=0))
