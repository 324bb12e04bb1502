"""Operations that are not TensorFlow's own are found wherever they hide."""

import pytest
import tensorflow as tf
import tensorflow_text as tf_text

from trainer.export.operations import foreign_operations

pytestmark = pytest.mark.debian13

STRINGS = tf.TensorSpec([None], tf.string, name="text")


class Nested(tf.Module):
    @tf.function(input_signature=[STRINGS])
    def plain(self, text):
        return {"lower": tf.strings.lower(text)}

    @tf.function(input_signature=[STRINGS])
    def hidden(self, text):
        fold = tf.function(tf_text.case_fold_utf8)
        found = tf.map_fn(lambda one: fold([one])[0], text)
        return {"folded": tf.cond(tf.size(text) > 0, lambda: found, lambda: text)}


def test_they_are_found_inside_loops_and_functions_of_the_signature_that_has_them(tmp_path):
    model = Nested()
    signatures = {"plain": model.plain, "hidden": model.hidden}
    tf.saved_model.save(model, str(tmp_path), signatures=signatures)
    found = foreign_operations(str(tmp_path))
    assert found == {"plain": frozenset(), "hidden": frozenset({"CaseFoldUTF8"})}
