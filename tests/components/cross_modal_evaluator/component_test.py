"""The node's channels, and `Do` on tiny real models as stock TFX nodes read its result."""

import json
from pathlib import Path

import pytest
from tfx.components.util import model_utils
from tfx.types import channel_utils, standard_artifacts

from components.cross_modal_evaluator.component import CrossModalEvaluator
from components.cross_modal_evaluator.executor import Executor
from components.cross_modal_evaluator.thresholds import MODELS, Threshold
from trainer.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings(
    samples=10, train_samples=10, batch_size=5, diversity_prompts=2, diversity_samples=2
)


def channel(kind):
    return channel_utils.as_channel([kind()])


def node(**changes):
    models = {name: channel(standard_artifacts.Model) for name in MODELS}
    arguments = {"settings": SETTINGS, "thresholds": {}} | models | changes
    return CrossModalEvaluator(examples=channel(standard_artifacts.Examples), **arguments)


def test_channels():
    evaluator = node(baseline_encoder=channel(standard_artifacts.Model))
    kinds = {name: output.type for name, output in evaluator.outputs.items()}
    blessing = standard_artifacts.ModelBlessing
    assert kinds == {
        "evaluation": standard_artifacts.ModelEvaluation,
        "encoder_blessing": blessing,
        "captioner_blessing": blessing,
        "generator_blessing": blessing,
    }
    assert "baseline_encoder" in evaluator.inputs
    assert "baseline_generator" not in evaluator.inputs
    assert "judge" not in evaluator.inputs
    assert "judge" in node(judge=channel(standard_artifacts.Model)).inputs


def test_equal_settings_give_equal_properties_for_the_cache():
    one = {"b": Threshold("encoder", min=1.0), "a": Threshold("captioner", max=2.0)}
    other = dict(reversed(one.items()))
    first = node(thresholds=one).exec_properties
    assert first == node(thresholds=other).exec_properties
    assert json.loads(first["settings"])["samples"] == 10
    assert first != node(thresholds=one, force_bless="a reason").exec_properties


@pytest.fixture
def run(tmp_path, model_uri, examples_uri):
    """Returns a function that runs `Do` and returns the outputs and the verdicts by model."""

    def artefact(kind, uri, number=0):
        made = kind()
        made.uri, made.id = str(uri), number
        return made

    def do(thresholds, baselines=(), judge=None, earlier=(), earlier_judge=None, **properties):
        examples = artefact(standard_artifacts.Examples, examples_uri)
        examples.split_names = json.dumps(["train", "val", "test"])
        inputs = {"examples": [examples]}
        for number, name in enumerate(MODELS, 7):
            inputs[name] = [artefact(standard_artifacts.Model, model_uri(name), number)]
        for name in baselines:
            uri = baselines[name] if isinstance(baselines, dict) else model_uri(name)
            old = artefact(standard_artifacts.Model, uri, 3)
            inputs[f"baseline_{name}"] = [old]
        if judge:
            inputs["judge"] = [artefact(standard_artifacts.Model, judge, 4)]
        if earlier_judge:
            inputs["earlier_judge"] = [artefact(standard_artifacts.Model, earlier_judge, 5)]
        for name, uri in dict(earlier).items():
            old = artefact(standard_artifacts.Examples, uri)
            old.split_names = examples.split_names
            inputs[f"earlier_{name}"] = [old]
        kind = standard_artifacts.ModelBlessing
        outputs = {f"{name}_blessing": [artefact(kind, tmp_path / name)] for name in MODELS}
        evaluation = artefact(standard_artifacts.ModelEvaluation, tmp_path / "evaluation")
        outputs["evaluation"] = [evaluation]
        written = {
            "settings": json.dumps(vars(SETTINGS)),
            "thresholds": json.dumps(thresholds),
        }
        Executor().Do(inputs, outputs, written | properties)
        verdicts = json.loads(Path(evaluation.uri, "verdicts.json").read_text())
        return outputs, {verdict["model"]: verdict for verdict in verdicts}

    return do


def test_each_model_is_blessed_or_refused_by_its_own_thresholds(run, tmp_path, model_uri):
    thresholds = {
        "attribute_agreement": {"model": "generator", "min": 2.0},
        "bleu4_*": {"model": "captioner", "min": 0.0},
    }
    outputs, verdicts = run(thresholds)
    blessed = {name: outputs[f"{name}_blessing"][0] for name in MODELS}
    assert [model_utils.is_model_blessed(blessed[name]) for name in MODELS] == [True, True, False]
    assert Path(tmp_path, "encoder", "BLESSED").is_file()
    refusal = Path(tmp_path, "generator", "NOT_BLESSED").read_text().strip()
    assert refusal == verdicts["generator"]["sentence"]
    assert "at least 2 is asked" in refusal
    generator = blessed["generator"]
    assert generator.get_string_custom_property("blessing_message") == refusal
    assert generator.get_int_custom_property("current_model_id") == 7 + MODELS.index("generator")
    assert generator.get_string_custom_property("current_model") == model_uri("generator")
    assert not generator.has_custom_property("baseline_model")


def test_last_blessed_models_are_measured_and_named(run):
    thresholds = {"attribute_agreement": {"model": "generator", "max_regression": 0.01}}
    outputs, verdicts = run(thresholds, baselines=("encoder", "generator"))
    assert verdicts["generator"]["blessed"]
    assert "(last blessed)" in verdicts["generator"]["sentence"]
    blessing = outputs["generator_blessing"][0]
    assert blessing.get_int_custom_property("baseline_model_id") == 3
    record = json.loads(Path(outputs["evaluation"][0].uri, "metrics.json").read_text())
    by_name = {metric["name"]: metric for metric in record["metrics"]}
    agreement = by_name["attribute_agreement"]
    assert agreement["baselines"]["last_blessed"] == pytest.approx(agreement["value"])
    assert "last_blessed" not in by_name["bleu4_en"]["baselines"]


def test_a_baseline_without_a_model_is_no_baseline(run, tmp_path):
    thresholds = {"attribute_agreement": {"model": "generator", "max_regression": 0.01}}
    (tmp_path / "nothing").mkdir()
    empty = {"encoder": tmp_path / "nothing", "generator": tmp_path / "nothing"}
    outputs, verdicts = run(thresholds, baselines=empty)
    assert verdicts["generator"]["blessed"]
    assert "(last blessed)" not in verdicts["generator"]["sentence"]
    assert not outputs["generator_blessing"][0].has_custom_property("baseline_model_id")


def test_forced_blessing_is_recorded(run):
    thresholds = {"bleu4_*": {"model": "captioner", "min": 2.0}}
    outputs, verdicts = run(thresholds, force_bless="shown to the board")
    blessing = outputs["captioner_blessing"][0]
    assert model_utils.is_model_blessed(blessing)
    assert blessing.get_string_custom_property("forced") == "shown to the board"
    refusal = blessing.get_string_custom_property("refusal")
    assert refusal.startswith("Refused: bleu4_en") and "at least 2 is asked" in refusal
    said = Path(blessing.uri, "BLESSED").read_text()
    assert "shown to the board" in said and "at least 2 is asked" in said
    assert verdicts["captioner"]["forced"] == "shown to the board"
    assert not outputs["encoder_blessing"][0].has_custom_property("forced")


def test_a_judge_of_its_own_sees_generated_pictures(run, model_uri):
    def figures(**inputs):
        outputs, _ = run({}, **inputs)
        record = json.loads(Path(outputs["evaluation"][0].uri, "metrics.json").read_text())
        return {metric["name"]: metric for metric in record["metrics"]}

    # Mixes the pictures of a batch: its embeddings are others than the encoder's.
    own, other = figures(), figures(judge=model_uri("encoder", "neighbours"))
    assert own["fid_encoder_n10"]["value"] != other["fid_encoder_n10"]["value"]
    assert own["fid_encoder_n10"]["extractor"] != other["fid_encoder_n10"]["extractor"]
    assert own["f1_micro"] == other["f1_micro"]


@pytest.mark.parametrize("bound", [None, 0.01])
def test_what_is_forgotten_is_measured_where_a_threshold_bounds_it(run, examples_uri, bound):
    """The same models twice: nothing is forgotten, and both figures are there."""
    asked = {"model": "captioner", "min": 0.0}
    thresholds = {"bleu4_*": asked | ({"max_forgetting": bound} if bound else {})}
    outputs, verdicts = run(
        thresholds, baselines=("captioner",), earlier={"captioner": examples_uri}
    )
    text = Path(outputs["evaluation"][0].uri, "forgetting.json").read_text()
    rows = json.loads(text)
    said = "on the pictures of the last run that blessed the captioner, bleu4_en went from"
    assert (said in verdicts["captioner"]["sentence"]) == bool(bound) == bool(rows)
    for row in rows:
        assert row["model"] == "captioner" and row["before"]["value"] == row["after"]["value"]


@pytest.mark.parametrize(("old", "same_eyes"), [("neighbours", False), (None, True)])
def test_the_last_blessed_encoder_sees_what_a_generator_has_forgotten(
    run, examples_uri, model_uri, tmp_path, old, same_eyes
):
    """Eyes that learned from new data alone may have forgotten the old with the generator."""
    (tmp_path / "broken").mkdir()
    encoder = model_uri("encoder", old) if old else str(tmp_path / "broken")
    outputs, _ = run(
        {"fid_encoder*": {"model": "generator", "max_forgetting": 1e9}},
        baselines={"encoder": encoder, "generator": model_uri("generator")},
        earlier={"generator": examples_uri},
    )
    place = Path(outputs["evaluation"][0].uri)
    (row,) = json.loads((place / "forgetting.json").read_text())
    metrics = json.loads((place / "metrics.json").read_text())["metrics"]
    own = next(one for one in metrics if one["name"] == row["after"]["name"])
    assert row["before"]["extractor"] == row["after"]["extractor"]
    assert (row["after"]["extractor"] == own["extractor"]) == same_eyes
    assert row["before"]["value"] == row["after"]["value"]


def test_the_judge_that_knew_the_earlier_pictures_sees_them_first(run, examples_uri, model_uri):
    """It learned from no generator's pictures; the last blessed encoder comes after it."""

    def eyes(earlier_judge=None):
        outputs, _ = run(
            {"fid_encoder*": {"model": "generator", "max_forgetting": 1e9}},
            baselines=("encoder", "generator"),
            earlier={"generator": examples_uri},
            earlier_judge=earlier_judge,
        )
        text = Path(outputs["evaluation"][0].uri, "forgetting.json").read_text()
        (row,) = json.loads(text)
        assert row["before"]["extractor"] == row["after"]["extractor"]
        return row["after"]["extractor"]

    assert eyes(model_uri("encoder", "neighbours")) != eyes()


def test_each_model_is_measured_on_the_data_that_it_was_blessed_on(
    run, examples_uri, make_examples, pictures
):
    """Where only the captioner was blessed on newer data, the generator is asked about its own."""
    own = make_examples({**pictures, "test": pictures["test"][:6]})
    asked = {
        "bleu4_en": {"model": "captioner", "max_forgetting": 0.1},
        "attribute_agreement": {"model": "generator", "max_forgetting": 0.1},
    }
    outputs, _ = run(
        asked,
        baselines=("captioner", "generator"),
        earlier={"captioner": examples_uri, "generator": own},
    )
    text = Path(outputs["evaluation"][0].uri, "forgetting.json").read_text()
    counts = {row["model"]: (row["before"]["n"], row["after"]["n"]) for row in json.loads(text)}
    # Every other prompt is Chinese, and no attribute is read from it.
    assert counts == {"captioner": (10, 10), "generator": (3, 3)}


def test_earlier_data_that_are_gone_are_no_reason_to_stop(run, tmp_path):
    thresholds = {"bleu4_*": {"model": "captioner", "max_forgetting": 0.1}}
    gone = {"captioner": tmp_path / "gone"}
    _, verdicts = run(thresholds, baselines=("captioner",), earlier=gone)
    assert "no earlier data" in verdicts["captioner"]["sentence"]
