"""The signatures of the exported models, and how they are asked."""

import numpy as np
import tensorflow as tf

PICTURES = {"image_bytes": "string [N]"}
TEXTS = {"text": "string [N]"}
EXAMPLES = {"examples": "string [N]"}
ERROR = {"error": "string [N]"}
NAMED = {
    "name": "string [N, a]",
    "score": "float32 [N, a]",
    "threshold": "float32 [N, a]",
} | ERROR
SAID = {"caption": "string [N]", "log_prob": "float32 [N]"} | ERROR
PAINTED = {"image_bytes": "string [N]", "text_oov": "float32 [N]"} | ERROR
PLACED = {"embedding": "float32 [N, d]"} | ERROR
LOOKED = {"tokens": "string [N, s]", "attention": "float32 [N, s, 8, 8]"}
SEEDED = TEXTS | {"seed": "int64 [N]", "truncation": "float32 [N]"}
WAYS = {
    "text": "string [N]",
    "other_text": "string [N]",
    "seed": "int64 [N]",
    "other_seed": "int64 [N]",
    "share": "float32 [N]",
}
CONTRACT = {
    "encoder": {
        "serving_default": (PICTURES, NAMED),
        "attributes": (PICTURES, NAMED),
        "embed_image": (PICTURES, PLACED),
        "embed_text": (TEXTS, PLACED),
        "examples": (EXAMPLES, NAMED),
    },
    "captioner": {
        "serving_default": (PICTURES, SAID),
        "caption_in": (PICTURES | {"language": "string [N]"}, SAID),
        "explain": (PICTURES, SAID | LOOKED),
        "examples": (EXAMPLES, SAID),
    },
    "generator": {
        "serving_default": (TEXTS, PAINTED),
        "generate": (SEEDED, PAINTED),
        "interpolate": (WAYS, PICTURES | ERROR),
        "examples": (EXAMPLES, PAINTED),
    },
}
CASES = [(stage, name) for stage, signatures in CONTRACT.items() for name in signatures]


def ask(model, signature, **inputs):
    function = model.signatures[signature]
    specs = function.structured_input_signature[1]
    tensors = {name: tf.constant(value, specs[name].dtype) for name, value in inputs.items()}
    return {name: value.numpy() for name, value in function(**tensors).items()}


def generate(model, texts, seeds, truncation=1.0):
    return ask(
        model,
        "generate",
        text=list(texts),
        seed=np.array(seeds, np.int64),
        truncation=np.full(len(texts), truncation, np.float32),
    )["image_bytes"]
