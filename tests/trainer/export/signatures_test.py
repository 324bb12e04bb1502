"""The contract of each signature: names, dtypes, shapes, and what values mean."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from data import schema
from tests.trainer.export.contract import CONTRACT, ask, generate
from trainer.config import STAGES
from trainer.export.generator import between
from trainer.metrics.recognition import best_thresholds

TENSOR = re.compile(r"`(\w+)` (string|float32|int64) (\[[^\]]*\])")
DOCS = Path(__file__).resolve().parents[3] / "docs" / "serving.md"


def graph_of(directory):
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((directory / "saved_model.pb").read_bytes())
    return saved.meta_graphs[0]


@pytest.mark.parametrize("stage", STAGES)
def test_names_dtypes_and_shapes(served, prepared, experiment, stage):
    letters = {
        None: "N",
        len(prepared.attributes): "a",
        experiment.encoder.embedding: "d",
        experiment.data.max_length - 1: "s",
    }

    def written(specs):
        return {
            key: f"{spec.dtype.name} [{', '.join(_sides(spec.shape, letters))}]"
            for key, spec in specs.items()
        }

    found = {
        name: (
            written(function.structured_input_signature[1]),
            written(function.structured_outputs),
        )
        for name, function in served(stage).signatures.items()
    }
    assert found == CONTRACT[stage]


def _sides(shape, letters):
    """Names of the sides of a shape; those of a grid are always 8."""
    grid = shape.rank == 4
    return [
        str(side) if grid and place > 1 else letters[side]
        for place, side in enumerate(shape.as_list())
    ]


def test_what_is_documented_is_what_is_served():
    found, model = {}, ""
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4 or "N]" not in line:
            continue
        model = cells[0] or model
        names = re.findall(r"`(\w+)`", cells[1].partition("(")[0])
        for name in names:
            sides = [
                {key: f"{dtype} {shape}" for key, dtype, shape in TENSOR.findall(cell)}
                for cell in cells[2:]
            ]
            found.setdefault(model, {})[name] = tuple(sides)
    found["generator"].pop("reconstruct")
    assert found == CONTRACT


@pytest.mark.parametrize("stage", STAGES)
def test_the_graph_stands_alone(trained, prepared, stage):
    directory = trained(stage).model_dir
    graph = graph_of(directory)
    functions = graph.graph_def.library.function
    operations = {node.op for node in graph.graph_def.node}
    operations |= {node.op for function in functions for node in function.node_def}
    assert len(operations) > 30 and not [op for op in operations if "PyFunc" in op]
    assert [asset.filename for asset in graph.asset_file_def] == ["tokens.txt"]
    tokens = (directory / "assets" / "tokens.txt").read_text(encoding="utf-8").splitlines()
    assert tuple(tokens) == prepared.tokens.tokens


@pytest.mark.parametrize("stage", STAGES)
def test_weights_are_float32(trained, stage):
    variables = tf.train.list_variables(str(trained(stage).model_dir / "variables" / "variables"))
    reader = tf.train.load_checkpoint(str(trained(stage).model_dir / "variables" / "variables"))
    dtypes = [reader.get_variable_to_dtype_map()[name] for name, _ in variables]
    # The one int64 is the state that a recurrent layer keeps for a dropout it does not use.
    assert dtypes.count(tf.float32) > 5 and set(dtypes) <= {tf.float32, tf.string, tf.int64}


def test_embeddings_are_unit_vectors_of_one_space(served, texts, pictures):
    answer = ask(served("encoder"), "embed_text", text=texts)
    said = answer["embedding"]
    assert said[answer["error"] != b""].tolist() == [[0.0] * 8]
    seen = ask(served("encoder"), "embed_image", image_bytes=pictures)["embedding"]
    assert said.shape == (len(texts), 8) and seen.shape == (len(pictures), 8)
    for embedding in (said[answer["error"] == b""], seen):
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-5)


def test_scores_are_probabilities_of_named_attributes(served, prepared, pictures):
    answer = ask(served("encoder"), "attributes", image_bytes=pictures)
    names = [tuple(name.decode() for name in row) for row in answer["name"]]
    assert set(names) == {prepared.attributes}
    assert (answer["score"] > 0).all() and (answer["score"] < 1).all()


def test_thresholds_are_those_chosen_on_the_validation_split(served, trained, prepared, scenes):
    held_out = prepared.arrays("val")
    answer = ask(
        served("encoder"), "attributes", image_bytes=[scene.encoded for scene in scenes["val"]]
    )
    assert (answer["threshold"] == answer["threshold"][0]).all()
    chosen = best_thresholds(answer["score"], held_out.labels)
    np.testing.assert_allclose(answer["threshold"][0], chosen, atol=1e-5)
    assert (chosen != 0.5).all()
    file = trained("encoder").model_dir / "assets.extra" / "tuwen" / "thresholds.json"
    written = json.loads(file.read_text(encoding="utf-8"))
    assert tuple(written) == prepared.attributes
    np.testing.assert_allclose(list(written.values()), answer["threshold"][0])


def test_an_explanation_fits_its_caption(served, pictures, experiment):
    answer = ask(served("captioner"), "explain", image_bytes=pictures)
    steps = experiment.data.max_length - 1
    assert answer["tokens"].shape == (len(pictures), steps)
    assert answer["attention"].shape == (len(pictures), steps, 8, 8)
    assert (answer["log_prob"] < 0).all()
    for caption, tokens, attention in zip(
        answer["caption"], answer["tokens"], answer["attention"], strict=True
    ):
        said = [token.decode() for token in tokens if token]
        assert list(tokens[: len(said)]) == [token for token in tokens if token]
        assert "".join(said) == caption.decode().replace(" ", "").replace("，", ",")
        np.testing.assert_allclose(attention[: len(said)].sum(axis=(1, 2)), 1, rtol=1e-5)
    short = ask(served("captioner"), "serving_default", image_bytes=pictures)
    np.testing.assert_array_equal(short["caption"], answer["caption"])
    np.testing.assert_allclose(short["log_prob"], answer["log_prob"], rtol=1e-5)


def test_captions_are_written_in_the_language_that_is_asked_for(served, pictures, trained):
    model = served("captioner")
    tags = model.languages().numpy().tolist()
    assert tags == [b"en", b"zh"]
    default = ask(model, "serving_default", image_bytes=pictures)
    english, chinese = (
        ask(model, "caption_in", image_bytes=pictures, language=[tag] * len(pictures))
        for tag in ("en-GB", "ZH_hans")
    )
    np.testing.assert_array_equal(english["caption"], default["caption"])
    np.testing.assert_allclose(english["log_prob"], default["log_prob"], rtol=1e-5)
    assert (np.abs(english["log_prob"] - chinese["log_prob"]) > 1e-4).all()
    mixed = ask(model, "caption_in", image_bytes=pictures[:2], language=["zh", "en"])
    expected = [chinese["log_prob"][0], english["log_prob"][1]]
    np.testing.assert_allclose(mixed["log_prob"], expected, rtol=1e-5)


def test_a_language_that_is_not_known_is_an_error_that_names_those_that_are(served, pictures):
    model, asked = served("captioner"), ["en", "fr", "\N{SNOWMAN}" * 50, b"\xff", ""]
    images = [pictures[0]] * len(asked)
    answer = ask(model, "caption_in", image_bytes=images, language=asked)
    errors = [error.decode() for error in answer["error"]]
    assert errors[:2] == ["", "unknown language 'fr'; known are: en, zh"]
    assert all("known are: en, zh" in error and len(error) < 100 for error in errors[2:])
    alone = ask(model, "serving_default", image_bytes=images[:1])
    assert answer["caption"].tolist() == [alone["caption"][0]] + [b""] * 4


def test_unknown_words_are_counted(served, prepared):
    known = " ".join(prepared.tokens.tokens[:3])
    asked = [known, "zyx qwv", f"{prepared.tokens.tokens[0]} zyx", ""]
    share = ask(served("generator"), "serving_default", text=asked)["text_oov"]
    np.testing.assert_allclose(share, [0, 1, 0.5, 0])


def test_examples_are_answered_as_serving_default_is(served, scenes):
    records = scenes["val"][:6]
    examples = [schema.to_example(record).SerializeToString() for record in records]
    pictures = {"image_bytes": [record.encoded for record in records]}
    inputs = {
        "encoder": pictures,
        "captioner": pictures,
        "generator": {"text": [record.captions[0] for record in records]},
    }
    for stage, plain in inputs.items():
        expected = ask(served(stage), "serving_default", **plain)
        found = ask(served(stage), "examples", examples=examples)
        assert found.keys() == expected.keys()
        for name, value in found.items():
            np.testing.assert_array_equal(value, expected[name], f"{stage} {name}")


def test_a_picture_follows_its_text_and_seed_whatever_its_batch(served, texts):
    model, seeds = served("generator"), list(range(len(texts)))
    together = generate(model, texts, seeds)
    for row, text in enumerate(texts[:5]):
        assert generate(model, [text], [row])[0] == together[row]
    backwards = generate(model, texts[::-1], seeds[::-1])
    assert backwards[::-1].tolist() == together.tolist()


def test_seeds_and_truncation_vary_pictures(served, texts):
    model = served("generator")
    assert len(set(generate(model, texts[:1] * 8, range(8)))) == 8
    assert len(set(generate(model, texts[:1] * 8, range(8), truncation=0.0))) == 1


def test_without_a_seed_the_text_decides(served, texts):
    model = served("generator")
    answer = ask(model, "serving_default", text=texts)["image_bytes"]
    np.testing.assert_array_equal(answer, ask(model, "serving_default", text=texts)["image_bytes"])
    seeds = tf.strings.to_hash_bucket_fast(texts, 2**62).numpy()
    np.testing.assert_array_equal(answer, generate(model, texts, seeds))


def test_whatever_is_said_is_painted(served, texts, experiment):
    side = experiment.data.resolution
    answerable = [text for text in texts if len(text.encode()) <= experiment.export.caption_bytes]
    assert len(answerable) == len(texts) - 1
    for png in generate(served("generator"), answerable, range(len(answerable))):
        assert tf.io.decode_png(png).shape == (side, side, 3)


def test_interpolation_leads_from_one_picture_to_the_other(served, texts):
    model, (text, other) = served("generator"), texts[:2]
    shares = np.array([0.0, 0.5, 1.0], np.float32)
    pictures = ask(
        model,
        "interpolate",
        text=[text] * 3,
        other_text=[other] * 3,
        seed=np.full(3, 4, np.int64),
        other_seed=np.full(3, 9, np.int64),
        share=shares,
    )["image_bytes"]
    assert pictures[0] == generate(model, [text], [4])[0]
    assert pictures[2] == generate(model, [other], [9])[0]
    assert pictures[1] not in (pictures[0], pictures[2])


def test_noise_on_the_way_is_as_long_as_its_ends():
    rng = np.random.default_rng(0)
    noise, other = rng.normal(size=(2, 3, 64)).astype(np.float32)
    for share in (0.0, 0.3, 0.5, 1.0):
        length = (1 - share) * np.linalg.norm(noise, axis=1)
        length += share * np.linalg.norm(other, axis=1)
        found = between(tf.constant(noise), tf.constant(other), tf.constant(share))
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), length, rtol=1e-5)
    np.testing.assert_allclose(between(noise, other, 0.0), noise, rtol=1e-6)
