"""Answers pickled requests with SavedModels; imports tensorflow and tensorflow_text only.

Usage: python -I requests_in_fresh_process.py REQUESTS ANSWERS, where REQUESTS holds
{(model directory, signature): {input: array}} and ANSWERS takes {the same: {output: array}} and
the names of the modules that were loaded.
"""

import pickle
import sys

import tensorflow as tf
import tensorflow_text  # noqa: F401

with open(sys.argv[1], "rb") as file:
    requests = pickle.load(file)
models, answers = {}, {}
for (directory, signature), inputs in requests.items():
    if directory not in models:
        models[directory] = tf.saved_model.load(directory)
    function = models[directory].signatures[signature]
    found = function(**{name: tf.constant(value) for name, value in inputs.items()})
    answers[directory, signature] = {name: value.numpy() for name, value in found.items()}
with open(sys.argv[2], "wb") as file:
    pickle.dump((answers, sorted({name.partition(".")[0] for name in sys.modules})), file)
