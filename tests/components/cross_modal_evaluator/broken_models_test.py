"""Broken models through the component, under the thresholds of the demo: refused, and why."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.cross_modal_evaluator.executor import Executor
from components.cross_modal_evaluator.thresholds import MODELS
from data.schema import to_example
from pipeline import settings as settings_file
from trainer.evaluation.checks import register
from trainer.evaluation.settings import EvaluationSettings
from trainer.settings_loader import to_mapping

# So much that pictures of one caption differ.
NOISE = 40.0
SETTINGS = EvaluationSettings(
    samples=60, batch_size=64, diversity_prompts=4, diversity_samples=4, exact_check="toy_blocks"
)


@pytest.fixture(scope="module")
def records(toy):
    register("toy_blocks", toy.BlockCheck)
    counts = {"test": (90, 1), "train": (200, 2)}
    return {split: toy.records(n, split, seed, NOISE) for split, (n, seed) in counts.items()}


@pytest.fixture(scope="module")
def examples(records, tmp_path_factory):
    root = tmp_path_factory.mktemp("examples")
    for split, items in records.items():
        (root / f"Split-{split}").mkdir()
        path = str(root / f"Split-{split}" / "data-00000-of-00001.gz")
        with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
            for item in items:
                writer.write(to_example(item).SerializeToString())
    artefact = standard_artifacts.Examples()
    artefact.uri, artefact.split_names = str(root), json.dumps(["train", "test"])
    return artefact


@pytest.fixture(scope="module")
def judged(toy, records, examples, tmp_path_factory):
    """Returns a function: models by role -> the verdicts, and the blessings by model."""
    grey = toy.png(np.full((16, 16, 3), 128, np.uint8))
    made = {
        "encoder": toy.Encoder,
        "captioner": toy.Captioner,
        "generator": lambda: toy.Generator(NOISE),
        "constant": lambda: toy.Generator(fixed=grey),
        "copyist": lambda: toy.Copyist(records["train"]),
        "no picture": lambda: toy.Generator(fixed=b"no picture"),
        "one sentence": lambda: toy.Captioner(sentence="a big red block on white."),
    }
    root = tmp_path_factory.mktemp("models")
    thresholds = {
        name: to_mapping(item) for name, item in settings_file.load("demo").thresholds.items()
    }
    done = {}

    def model(name):
        artefact = standard_artifacts.Model()
        artefact.uri = str(root / name)
        if name in made and not Path(artefact.uri).exists():
            toy.save(made[name](), root / name / "Format-Serving")
        return artefact

    def verdicts(force_bless="", **roles):
        key = (force_bless, *sorted(roles.items()))
        if key not in done:
            inputs = {"examples": [examples]}
            inputs |= {name: [model(roles.get(name, name))] for name in MODELS}
            place = tmp_path_factory.mktemp("outputs")
            outputs = {}
            for name in MODELS:
                blessing = standard_artifacts.ModelBlessing()
                blessing.uri = str(place / name)
                outputs[f"{name}_blessing"] = [blessing]
            evaluation = standard_artifacts.ModelEvaluation()
            evaluation.uri = str(place / "evaluation")
            outputs["evaluation"] = [evaluation]
            properties = {
                "settings": json.dumps(dataclasses.asdict(SETTINGS)),
                "thresholds": json.dumps(thresholds),
                "force_bless": force_bless,
            }
            Executor().Do(inputs, outputs, properties)
            text = Path(evaluation.uri, "verdicts.json").read_text(encoding="utf-8")
            found = {verdict["model"]: verdict for verdict in json.loads(text)}
            done[key] = found, {name: outputs[f"{name}_blessing"][0] for name in MODELS}
        return done[key]

    return verdicts


def failed(verdict):
    """Returns the figures that speak against a model."""
    return [check["metric"] for check in verdict["checks"] if not check["passed"]]


def test_models_that_work_are_blessed(judged):
    verdicts, blessings = judged()
    assert {name: failed(verdict) for name, verdict in verdicts.items()} == {
        name: [] for name in MODELS
    }
    assert all(Path(blessing.uri, "BLESSED").is_file() for blessing in blessings.values())


def test_a_constant_picture_is_refused_for_being_always_the_same(judged):
    verdicts, blessings = judged(generator="constant")
    assert "prompt_diversity" in failed(verdicts["generator"])
    sentence = verdicts["generator"]["sentence"]
    assert "prompt_diversity is 0 (0 to 0), at least 0.02 is asked" in sentence
    assert "Its pictures are too much alike: look for a collapse" in sentence
    assert "pixel_agreement" in failed(verdicts["generator"])
    assert "Its pictures do not show what captions say" in sentence
    assert failed(verdicts["captioner"]) == failed(verdicts["encoder"]) == []
    assert Path(blessings["generator"].uri, "NOT_BLESSED").read_text().strip() == sentence


def test_copies_of_training_pictures_are_refused_though_they_fit_their_captions(judged):
    verdict = judged(generator="copyist")[0]["generator"]
    assert failed(verdict) == ["memorisation", "duplicate_rate"]
    assert "memorisation is 1" in verdict["sentence"]
    assert "at most 0.25 is asked" in verdict["sentence"]
    assert "It paints training pictures again" in verdict["sentence"]


def test_one_sentence_for_all_pictures_is_refused_for_being_one(judged):
    verdicts, _ = judged(captioner="one sentence")
    assert {"caption_truth", "cider_d_en"} <= set(failed(verdicts["captioner"]))
    sentence = verdicts["captioner"]["sentence"]
    assert "(most frequent" in sentence
    assert "hardly more than one sentence for all pictures" in sentence
    assert failed(verdicts["generator"]) == []


@pytest.mark.parametrize(
    ("roles", "refused", "words"),
    [
        ({"captioner": "gone"}, ["captioner"], "there is no SavedModel"),
        ({"generator": "no picture"}, ["generator"], "the generator cannot be measured: "),
        ({"encoder": "gone"}, list(MODELS), "there is no SavedModel"),
    ],
)
def test_a_model_that_does_not_work_is_refused_and_the_others_are_judged(
    judged, roles, refused, words
):
    verdicts, blessings = judged(**roles)
    assert [name for name in MODELS if not verdicts[name]["blessed"]] == refused
    assert all(words in verdicts[name]["sentence"] for name in refused)
    for name in MODELS:
        blessed = blessings[name].get_int_custom_property("blessed")
        assert bool(blessed) is verdicts[name]["blessed"]
        message = blessings[name].get_string_custom_property("blessing_message")
        assert message == verdicts[name]["sentence"]


def test_force_blesses_what_is_broken_and_keeps_what_it_overrode(judged):
    verdicts, blessings = judged("for the museum", generator="constant")
    assert verdicts["generator"]["blessed"]
    blessing = blessings["generator"]
    assert blessing.get_string_custom_property("forced") == "for the museum"
    refusal = blessing.get_string_custom_property("refusal")
    assert refusal == judged(generator="constant")[0]["generator"]["sentence"]
    assert verdicts["generator"]["refusal"] == refusal
    assert not blessings["captioner"].has_custom_property("forced")
