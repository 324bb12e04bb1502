import numpy as np
import pytest
import tensorflow as tf

from trainer.evaluation.inputs import ServedEncoder, ServedModel


class Ranked(tf.Module):
    """Names its two best attributes, best first, as a recogniser may."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def attributes(self, image_bytes):
        length = tf.strings.length(image_bytes)
        first = tf.where(length > 2, "b", "a")
        second = tf.where(length > 2, "a", "c")
        score = tf.stack([tf.cast(length, tf.float32), tf.zeros(tf.shape(length))], 1)
        return {"name": tf.stack([first, second], 1), "score": score + 0.5}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def embed_text(self, text):
        return {"embedding": tf.cast(tf.strings.length(text), tf.float32)[:, None]}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    model = Ranked()
    path = str(tmp_path_factory.mktemp("ranked") / "model")
    signatures = {
        "attributes": model.attributes,
        "embed_text": model.embed_text,
        "embed_image": model.attributes,
    }
    tf.saved_model.save(model, path, signatures=signatures)
    return path


def test_batches_are_joined_in_order(directory):
    texts = ["x" * n for n in range(11)]
    for size in (1, 4, 64):
        answer = ServedModel(directory, ["embed_text"], size)("embed_text", text=texts)
        np.testing.assert_array_equal(answer["embedding"][:, 0], range(11))


def test_scores_are_put_under_their_names(directory):
    encoder = ServedEncoder(directory, 2)
    scores = encoder.attributes([b"1", b"123", b"12"])
    assert encoder.names == ("a", "c", "b")
    np.testing.assert_allclose(scores, [[1.5, 0.5, 0], [0.5, 0, 3.5], [2.5, 0.5, 0]])
    np.testing.assert_allclose(encoder.attributes([b"123"]), [[0.5, 0, 3.5]])


def test_the_first_call_sets_the_names(directory):
    encoder = ServedEncoder(directory, 2)
    np.testing.assert_allclose(encoder.attributes([b"1"]), [[1.5, 0.5]])
    np.testing.assert_allclose(encoder.attributes([b"123", b"1"]), [[0.5, 0], [1.5, 0.5]])
