"""Small real artefacts: pictures, Examples splits, and SavedModels with the served signatures."""

import io
import json
from pathlib import Path

import pytest
import tensorflow as tf
from PIL import Image

from data.schema import CaptionedImage, to_example
from trainer.config import ExportSettings
from trainer.export.signatures import (
    check_range,
    first_of,
    read_examples,
    read_pictures,
    read_texts,
    require_same_length,
    with_errors,
)

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 210)}


def _png(colour, size=16):
    out = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(out, "PNG")
    return out.getvalue()


def _picture(number, split):
    name = list(COLOURS)[number % 3]
    shade = tuple(min(255, channel + number) for channel in COLOURS[name])
    return CaptionedImage(
        image_id=f"{split}-{number}",
        encoded=_png(shade),
        height=16,
        width=16,
        channels=3,
        captions=(f"a {name} square", f"{name}色的方块"),
        languages=("en", "zh"),
        attributes=(f"colour:{name}",),
        split=split,
    )


@pytest.fixture(scope="session")
def pictures():
    """Ten captioned pictures of each split."""
    return {split: [_picture(i, split) for i in range(10)] for split in ("train", "val", "test")}


@pytest.fixture(scope="session")
def make_examples(tmp_path_factory):
    """Returns a function that writes pictures by split as an Examples artefact does, as gzipped
    TFRecords, and returns the directory."""

    def make(pictures):
        root = tmp_path_factory.mktemp("examples")
        for split, items in pictures.items():
            directory = root / f"Split-{split}"
            directory.mkdir()
            options = tf.io.TFRecordOptions(compression_type="GZIP")
            with tf.io.TFRecordWriter(str(directory / "data-00000-of-00001.gz"), options) as writer:
                for item in items:
                    writer.write(to_example(item).SerializeToString())
        return str(root)

    return make


@pytest.fixture(scope="session")
def examples_uri(make_examples, pictures):
    """The directory of an Examples artefact."""
    return make_examples(pictures)


STRINGS = tf.TensorSpec([None], tf.string)
LIMITS = ExportSettings()


def _unit(values):
    return tf.math.l2_normalize(values + 1e-3, -1)


class _Tiny(tf.Module):
    """A model with a fault of choice, or none.

    `nan`, `neighbours` (answers depend on them), `accepts_anything`, `fails_all` (one bad row is
    the end of a request), `silent` (blank rows without a reason).
    """

    def __init__(self, fault):
        super().__init__()
        self.fault = fault
        self.scale = tf.Variable(float("nan") if fault == "nan" else 1.0)

    def colours_of(self, image_bytes):
        """Mean colours [N, 3] in [0, 1], and errors."""
        if self.fault == "accepts_anything":
            rows = tf.shape(image_bytes)[0]
            return tf.zeros([rows, 3]), tf.fill([rows], "")
        pixels, errors = read_pictures(image_bytes, 8, LIMITS)
        if self.fault == "fails_all":
            tf.debugging.Assert(tf.reduce_all(errors == ""), ["a bad row"])
        return tf.reduce_mean(tf.cast(pixels, tf.float32) / 255, [1, 2]), errors

    def finished(self, answer, *errors):
        answer = with_errors(answer, first_of(*errors))
        if self.fault == "silent":
            answer["error"] = tf.zeros_like(answer["error"])
        return answer

    def export(self, directory, **functions):
        key = "image/encoded" if self.reads_pictures else "caption/text"

        def from_examples(examples):
            values, errors = read_examples(examples, key)
            return self.finished(functions["serving_default"](values), errors)

        signatures = {
            name: tf.function(call, input_signature=self.specs(name))
            for name, call in functions.items()
        }
        signatures["examples"] = tf.function(
            from_examples, input_signature=[tf.TensorSpec([None], tf.string, "examples")]
        )
        tf.saved_model.save(self, directory, signatures=signatures)
        beside = Path(directory, "assets.extra", "tuwen")
        beside.mkdir(parents=True)
        settings = {"experiment": {"data": {"resolution": 8}}}
        (beside / "experiment.json").write_text(json.dumps(settings))

    def specs(self, name):
        argument = "image_bytes" if self.reads_pictures and name != "embed_text" else "text"
        return [tf.TensorSpec([None], tf.string, argument)]


class TinyEncoder(_Tiny):
    reads_pictures = True
    names = tf.constant([f"colour:{name}" for name in COLOURS])

    def attributes(self, image_bytes):
        colour, errors = self.colours_of(image_bytes)
        colour *= self.scale
        names = tf.tile(self.names[None], [tf.shape(image_bytes)[0], 1])
        threshold = tf.fill(tf.shape(colour), 0.5)
        return self.finished({"name": names, "score": colour, "threshold": threshold}, errors)

    def embed_image(self, image_bytes):
        colour, errors = self.colours_of(image_bytes)
        if self.fault == "neighbours":
            colour += tf.reduce_mean(colour, 0)
        return self.finished({"embedding": _unit(colour)}, errors)

    def embed_text(self, text):
        text, errors = read_texts(text, LIMITS)
        found = [tf.strings.regex_full_match(text, f".*{name}.*") for name in COLOURS]
        return self.finished({"embedding": _unit(tf.cast(tf.stack(found, 1), tf.float32))}, errors)

    def save(self, directory):
        functions = {"serving_default": self.attributes, "attributes": self.attributes}
        functions |= {"embed_image": self.embed_image, "embed_text": self.embed_text}
        self.export(directory, **functions)


class TinyCaptioner(_Tiny):
    reads_pictures = True
    words = tf.constant([f"a {name} square" for name in COLOURS])

    def caption(self, image_bytes):
        colour, errors = self.colours_of(image_bytes)
        said = {
            "caption": tf.gather(self.words, tf.argmax(colour, -1)),
            "log_prob": self.scale * -tf.reduce_max(colour, -1),
        }
        return self.finished(said, errors)

    def caption_in(self, image_bytes, language):
        if self.fault == "accepts_anything":
            return self.caption(image_bytes)
        require_same_length(image_bytes=image_bytes, language=language)
        known = tf.strings.regex_full_match(language, "en|zh")
        return self.finished(self.caption(image_bytes), tf.where(known, "", "unknown language"))

    def explain(self, image_bytes):
        answer = self.caption(image_bytes)
        tokens = tf.strings.split(answer["caption"]).to_tensor()
        grid = tf.ones([tf.shape(tokens)[0], tf.shape(tokens)[1], 2, 2]) / 4
        return self.finished({**answer, "tokens": tokens, "attention": grid}, answer["error"])

    def save(self, directory):
        self.export(
            directory,
            serving_default=self.caption,
            caption_in=self.caption_in,
            explain=self.explain,
        )

    def specs(self, name):
        language = [tf.TensorSpec([None], tf.string, "language")] if name == "caption_in" else []
        return super().specs(name) + language


class TinyGenerator(_Tiny):
    reads_pictures = False
    colours = tf.constant(list(COLOURS.values()), tf.float32)

    def paint(self, row):
        text, seed = row
        found = [tf.strings.regex_full_match(text, f".*{name}.*") for name in COLOURS]
        colour = tf.linalg.matvec(self.colours, tf.cast(tf.stack(found), tf.float32), True)
        noise = tf.random.stateless_uniform([8, 8, 3], [0, tf.cast(seed, tf.int32)], 0, 20)
        return tf.io.encode_png(tf.cast(colour + noise, tf.uint8))

    def painted(self, text, seed):
        text, errors = read_texts(text, LIMITS)
        if self.fault == "neighbours":
            seed += tf.cast(tf.shape(seed)[0], tf.int64)
        return tf.map_fn(self.paint, (text, seed), fn_output_signature=tf.string), errors

    def generate(self, text, seed, truncation):
        require_same_length(text=text, seed=seed, truncation=truncation)
        truncation, wild = check_range("truncation", truncation, 2.0)
        pictures, errors = self.painted(text, seed)
        answer = {"image_bytes": pictures, "text_oov": truncation * 0.0 * self.scale}
        return self.finished(answer, errors, wild)

    def serve(self, text):
        ones = tf.ones_like(tf.strings.length(text), tf.float32)
        return self.generate(text, tf.strings.to_hash_bucket_fast(text, 1 << 30), ones)

    def interpolate(self, text, other_text, seed, other_seed, share):
        require_same_length(text=text, other_text=other_text)
        nearer = share < 0.5
        chosen = tf.where(nearer, text, other_text), tf.where(nearer, seed, other_seed)
        pictures, errors = self.painted(*chosen)
        share, wild = check_range("share", share, 1.0)
        return self.finished({"image_bytes": pictures}, errors, wild)

    def specs(self, name):
        kinds = {
            "generate": {"text": tf.string, "seed": tf.int64, "truncation": tf.float32},
            "interpolate": {
                "text": tf.string,
                "other_text": tf.string,
                "seed": tf.int64,
                "other_seed": tf.int64,
                "share": tf.float32,
            },
        }
        if name not in kinds:
            return super().specs(name)
        return [tf.TensorSpec([None], kind, key) for key, kind in kinds[name].items()]

    def save(self, directory):
        self.export(
            directory,
            serving_default=self.serve,
            generate=self.generate,
            interpolate=self.interpolate,
        )


KINDS = {"encoder": TinyEncoder, "captioner": TinyCaptioner, "generator": TinyGenerator}


@pytest.fixture(scope="session")
def model_uri(tmp_path_factory):
    """Returns a function: kind, fault -> URI of a Model artefact's directory (made once)."""
    made = {}

    def make(kind, fault=""):
        if (kind, fault) not in made:
            root = tmp_path_factory.mktemp(f"{kind}{fault}")
            KINDS[kind](fault).save(str(Path(root, "Format-Serving")))
            made[kind, fault] = str(root)
        return made[kind, fault]

    return make
