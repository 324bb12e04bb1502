import json
import math
from dataclasses import replace

import numpy as np
import pytest

from trainer.evaluation.checks import SceneCheck, register
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.inputs import _subset, decode
from trainer.evaluation.record import Evaluation
from trainer.evaluation.settings import EvaluationSettings, JudgeSettings
from trainer.metrics.extractors import RandomConvnet
from trainer.settings_loader import SettingsError

SETTINGS = EvaluationSettings(
    samples=80, batch_size=32, diversity_prompts=4, diversity_samples=3, exact_check="toy_blocks"
)


@pytest.fixture(scope="module")
def test_split(toy):
    return toy.records(96, "test", 1)


@pytest.fixture(scope="module")
def train_split(toy):
    return toy.records(160, "train", 2)


@pytest.fixture(scope="module", autouse=True)
def _check(toy):
    register("toy_blocks", toy.BlockCheck)


@pytest.fixture(scope="module")
def saved(toy, train_split, tmp_path_factory):
    """Directory of a toy model by name, saved on first use."""
    made = {
        "encoder": toy.Encoder,
        "strict": lambda: toy.Encoder(threshold=0.995),
        "miner": lambda: toy.Encoder([f"word:{name.split(':')[1]}" for name in toy.NAMES], 0.5),
        "captioner": toy.Captioner,
        "chinese": lambda: toy.Captioner("zh"),
        "polyglot": toy.Polyglot,
        "half a polyglot": lambda: toy.Polyglot("一块"),
        "same caption": lambda: toy.Captioner(sentence="a big red block on white"),
        "generator": toy.Generator,
        "noisy": lambda: toy.Generator(60.0),
        "very noisy": lambda: toy.Generator(200.0),
        "still": lambda: toy.Generator(0.0),
        "blind": lambda: toy.Generator(blind=True),
        "constant": lambda: toy.Generator(fixed=toy.png(np.full((16, 16, 3), 128, np.uint8))),
        "copyist": lambda: toy.Copyist(train_split),
        "colour blind": toy.ColourBlind,
        "shared space": toy.SharedSpace,
    }
    root, done = tmp_path_factory.mktemp("models"), {}

    def directory(name):
        if name not in done:
            done[name] = toy.save(made[name](), root / name)
        return done[name]

    return directory


@pytest.fixture(scope="module")
def judged(saved, test_split, train_split):
    """Evaluation of a generator and a captioner by name, done on first use."""
    done = {}

    def figures(generator="generator", captioner="captioner", settings=SETTINGS):
        key = (generator, captioner, settings)
        if key not in done:
            models = {
                "encoder": saved("encoder"),
                "captioner": saved(captioner),
                "generator": saved(generator),
            }
            done[key] = evaluate(models, test_split, train_split, settings)
        return done[key]

    return figures


def _by_name(evaluation):
    """Figures by name without the pool size, the sample size and the language."""
    return {metric.name.split("_1of")[0].split("_n8")[0]: metric for metric in evaluation.metrics}


def test_right_models_reach_the_ceiling(judged):
    found = _by_name(judged())
    for name in (
        "r_precision",
        "attribute_agreement",
        "pixel_agreement",
        "cycle_agreement",
        "caption_truth",
        "retrieval_text_to_image",
        "retrieval_image_to_text",
        "f1_micro",
        "f1_macro",
        "average_precision_macro",
    ):
        assert found[name].value == pytest.approx(1.0, abs=0.02), name
        assert found[name].chance < 0.6, name
    for name in ("r_precision", "attribute_agreement", "pixel_agreement", "cycle_agreement"):
        assert found[name].ceiling == pytest.approx(1.0, abs=0.02), name
    assert found["fid_encoder"].value < 3 * found["fid_encoder"].ceiling
    assert found["kid_encoder"].value < 0.1
    # Unit vectors are at most 2 apart: these are scaled to a mean square of 1.
    assert found["fid_encoder"].baselines["mean_image"] > 4
    assert found["bleu4_en"].parts["all_references"] == pytest.approx(1.0, abs=1e-3)
    assert found["bleu4_en"].ceiling < 1.0
    assert found["cider_d_en"].value > 5 * found["cider_d_en"].chance


def test_figures_carry_their_protocol(judged):
    evaluation = judged()
    assert set(evaluation.skipped) - {"meteor", "spice"} == {"clip_score", "discriminator_gap"}
    assert len({metric.name for metric in evaluation.metrics}) == len(evaluation.metrics)
    for metric in evaluation.metrics:
        assert metric.split == "test"
        assert metric.protocol.endswith(".")
        assert 0 < metric.n <= 80
        assert math.isfinite(metric.value)
        if metric.low is not None:
            assert metric.low <= metric.value + 1e-9
            assert metric.high >= metric.value - 1e-9
    found = _by_name(evaluation)
    pool = int(found["r_precision"].name.rpartition("of")[2])
    assert found["r_precision"].chance == 1 / pool
    assert "kid_encoder_n80" in [metric.name for metric in evaluation.metrics]
    assert set(found["attribute_agreement"].parts) == {"colour", "size", "ground"}
    assert found["attribute_agreement"].chance == pytest.approx((1 / 6 + 1 / 2 + 1 / 3) / 3)
    assert set(found["pixel_agreement"].parts) == {"colour", "ground"}
    assert set(found["bleu4_en"].baselines) == {
        "most_frequent_caption",
        "nearest_training_image",
    }


def test_noise_moves_what_looks_at_pictures(judged):
    names = ("still", "generator", "noisy", "very noisy")
    found = [_by_name(judged(name)) for name in names]
    for name in ("attribute_agreement", "r_precision", "cycle_agreement", "pixel_agreement"):
        values = [metrics[name].value for metrics in found]
        assert values == sorted(values, reverse=True), name
        assert values[-1] < 0.8 * values[0], name
    for name in ("kid_encoder", "fid_encoder"):
        values = [metrics[name].value for metrics in found[1:]]
        assert values == sorted(values), name
        assert values[-1] > 2 * values[0], name
    for name in ("bleu4_en", "caption_truth", "f1_micro", "retrieval_text_to_image"):
        assert len({metrics[name].value for metrics in found}) == 1, name


def test_a_blind_generator_agrees_by_chance_though_its_pictures_are_good(judged):
    right, blind = _by_name(judged()), _by_name(judged("blind"))
    for name in ("attribute_agreement", "pixel_agreement", "cycle_agreement"):
        assert blind[name].value == pytest.approx(blind[name].chance, abs=0.12), name
        assert blind[name].high < right[name].low, name
    assert blind["r_precision"].value < 0.1
    assert blind["fid_encoder"].value < 0.5 * right["fid_encoder"].baselines["mean_image"]
    assert blind["prompt_diversity"].value > 0.5 > right["prompt_diversity"].value


def test_a_blind_generator_is_not_called_better_for_it(judged):
    found = _by_name(judged("blind"))["prompt_diversity"]
    assert found.higher_is_better is None
    assert found.baselines["real_pictures"] < 0.5 < found.value


def test_what_depends_on_numbers_has_no_ceiling_from_fewer_pictures(saved, test_split, train_split):
    models = {"encoder": saved("encoder"), "generator": saved("generator")}
    found = _by_name(evaluate(models, test_split, train_split[:50], SETTINGS))
    for name in ("fid_encoder", "fid_random", "precision_k3", "recall_k3", "density_k5"):
        assert found[name].ceiling is None, name
    assert found["kid_encoder"].ceiling is not None


def test_a_constant_picture_is_noticed(judged):
    right, constant = _by_name(judged()), _by_name(judged("constant"))
    assert constant["prompt_diversity"].value == pytest.approx(0, abs=1e-3)
    assert constant["r_precision"].value < 0.2
    assert constant["kid_encoder"].low > right["kid_encoder"].high
    assert constant["fid_encoder"].low > right["fid_encoder"].high
    assert constant["attribute_agreement"].high < right["attribute_agreement"].low


def test_slices_say_where_agreement_is_lost(judged):
    names = {metric.name for metric in judged().metrics}
    assert {f"attribute_agreement@attribute={kind}" for kind in ("colour", "size")} <= names
    right, noisy = _by_name(judged()), _by_name(judged("noisy"))
    for kind, share in noisy["attribute_agreement"].parts.items():
        name = f"attribute_agreement@attribute={kind}"
        assert noisy[name].value == pytest.approx(share)
        assert noisy[name].chance == noisy["attribute_agreement"].baselines[f"chance_{kind}"]
        assert noisy[name].ceiling == pytest.approx(right[name].value, abs=0.05)
        assert set(noisy[name].baselines) == {"nearest_training_by_text", "mean_image"}
    parts = [noisy[f"attribute_agreement@attribute={kind}"] for kind in ("colour", "size")]
    assert any(one.low > other.value for one in parts for other in parts)
    english = noisy["attribute_agreement@language=en"]
    assert 30 <= english.n < noisy["attribute_agreement"].n


def test_a_constant_picture_moves_what_a_gate_refuses_by(judged):
    right, constant = _by_name(judged()), _by_name(judged("constant"))
    assert constant["duplicate_rate"].value == 1.0
    assert right["duplicate_rate"].high < 0.5
    assert constant["recall_k3"].value == 0.0
    assert constant["coverage_k5"].high < right["coverage_k5"].low
    assert constant["prompt_diversity"].value < 1e-6
    assert constant["text_sensitivity"].value == pytest.approx(0.5, abs=0.15)
    assert constant["text_sensitivity"].parts["change"] == pytest.approx(0.0, abs=1e-6)
    for space in ("encoder", "random"):
        for name in (f"kid_{space}", f"fid_{space}"):
            assert constant[name].low > right[name].high, name


def test_copies_are_noticed_though_all_else_is_good(judged):
    right, copied = _by_name(judged()), _by_name(judged("copyist"))
    assert copied["attribute_agreement"].value > 0.95
    assert copied["recall_k3"].value > 0.5
    assert copied["fid_random"].value < 2 * copied["fid_random"].ceiling
    assert copied["memorisation"].value == 1.0
    assert right["memorisation"].value < 0.3
    for name in ("memorisation", "duplicate_rate"):
        assert right[name].ceiling is None
        assert right[name].baselines["real_pictures"] == pytest.approx(0.05, abs=0.02)
    assert right["memorisation"].baselines["nearest_training_by_text"] == 1.0
    assert not right["memorisation"].higher_is_better


def test_the_audit_shows_copies_beside_what_was_copied(judged, train_split):
    copied, honest = judged("copyist").audit, judged().audit
    files = {record.image_id: record.encoded for record in train_split}
    assert len(copied.generated) == len(copied.held_out) == 12
    for pair in copied.generated:
        assert pair.distance == 0.0 and pair.ratio == 0.0
        np.testing.assert_array_equal(decode(pair.png), decode(files[pair.training_id]))
        np.testing.assert_array_equal(decode(pair.training_png), decode(pair.png))
    assert [pair.ratio for pair in honest.generated] == sorted(
        pair.ratio for pair in honest.generated
    )
    assert honest.generated[0].distance > 0.5
    assert honest.held_out == copied.held_out
    assert len(honest.held_out_distances) == len(honest.generated_distances) == 21
    assert list(honest.held_out_distances) == sorted(honest.held_out_distances)
    assert copied.generated_distances[-1] == 0.0 < honest.generated_distances[0]


def test_pictures_that_ignore_a_swapped_caption_are_told(judged):
    right, blind = _by_name(judged())["text_sensitivity"], _by_name(judged("blind"))
    assert right.value == pytest.approx(1.0, abs=0.02)
    assert right.ceiling == pytest.approx(1.0, abs=0.02)
    assert right.parts["change"] == pytest.approx(right.parts["change_of_real"], rel=0.2)
    assert blind["text_sensitivity"].parts["change"] == pytest.approx(0.0, abs=1e-6)
    assert blind["text_sensitivity"].high < right.low
    assert right.chance == 0.5 and right.n == 80


def test_every_picture_figure_has_its_baselines_and_says_what_saw_it(judged):
    found = _by_name(judged())
    seen = {
        "encoder": (
            *("kid_encoder", "fid_encoder", "precision_k3", "recall_k3", "density_k5"),
            *("coverage_k5", "r_precision", "attribute_agreement", "text_sensitivity"),
            "prompt_diversity",
        ),
        "random": ("kid_random", "fid_random"),
        "": ("pixel_agreement", "cycle_agreement", "duplicate_rate", "memorisation"),
    }
    for extractor, names in seen.items():
        for name in names:
            metric = found[name]
            assert {"mean_image", "nearest_training_by_text"} <= set(metric.baselines), name
            assert all(math.isfinite(value) for value in metric.baselines.values()), name
            assert metric.extractor.partition(":")[0] == extractor, name
            real = {"duplicate_rate", "memorisation", "prompt_diversity"}
            assert (metric.ceiling is None) == (name in real), name
    mean, near = (
        {name: found[name].baselines[key] for name in ("fid_random", "precision_k3", "recall_k3")}
        for key in ("mean_image", "nearest_training_by_text")
    )
    assert mean["recall_k3"] == 0.0 < near["recall_k3"]
    assert near["fid_random"] < mean["fid_random"]


def test_the_judge_sees_generated_pictures_and_the_encoder_is_judged_itself(
    saved, test_split, train_split, judged
):
    models = {
        "encoder": saved("encoder"),
        "generator": saved("generator"),
        "judge": saved("colour blind"),
    }
    other, own = evaluate(models, test_split, train_split, SETTINGS), judged()
    found, usual = _by_name(other), _by_name(own)
    for name in ("retrieval_text_to_image", "f1_micro", "kid_random", "memorisation"):
        assert found[name].value == usual[name].value, name
    parts = found["attribute_agreement"].parts
    assert parts["colour"] < 0.3
    assert parts["size"] > 0.95
    assert found["r_precision"].value < 0.7 * usual["r_precision"].value
    assert found["r_precision"].ceiling < 0.7 * usual["r_precision"].ceiling
    assert "an encoder other than the run's own" in found["fid_encoder"].protocol
    assert "trained against" in usual["fid_encoder"].protocol
    assert found["fid_encoder"].extractor != usual["fid_encoder"].extractor
    # The baseline is what the run's encoder finds, whoever judges it.
    colours = usual["attribute_agreement"].baselines["nearest_training_by_text"]
    assert colours == pytest.approx(1.0, abs=0.05)


def test_clip_needs_two_signatures_and_no_more(saved, test_split, train_split):
    models = {"encoder": saved("encoder"), "generator": saved("generator")}
    settings = replace(SETTINGS, clip_model=saved("shared space"))
    found = _by_name(evaluate(models, test_split, train_split, settings))["clip_score"]
    assert found.value == pytest.approx(found.ceiling, abs=3)
    assert found.value > 80 > found.chance + 20
    assert found.extractor.startswith("clip:")
    assert found.baselines["mean_image"] < found.value


def test_inception_gives_its_distances_and_its_score(saved, test_split, train_split, monkeypatch):
    class Classes:
        """Sees the mean colour, and calls the brightest channel a class."""

        name, digest = "inception", "0123"

        def __init__(self, weights):
            assert weights == "weights.h5"

        def look(self, pictures):
            assert pictures.dtype == np.uint8 and pictures.shape[1:] == (16, 16, 3)
            mean = pictures.mean((1, 2))
            return mean, np.eye(3)[mean.argmax(1)]

    monkeypatch.setattr("trainer.evaluation.image_metrics.Inception", Classes)
    settings = replace(SETTINGS, inception_weights="weights.h5")
    models = {"encoder": saved("encoder"), "generator": saved("constant")}
    found = _by_name(evaluate(models, test_split, train_split, settings))
    assert found["inception_score"].value == 1.0 == found["inception_score"].chance
    assert 1.5 < found["inception_score"].ceiling <= 3.0
    assert found["fid_inception"].value > 10 * found["fid_inception"].ceiling
    assert found["kid_inception"].extractor == "inception:0123"


def test_features_of_real_pictures_are_kept_between_evaluations(
    saved, test_split, train_split, tmp_path, monkeypatch
):
    models = {"encoder": saved("encoder"), "generator": saved("generator")}
    settings = replace(SETTINGS, cache_dir=str(tmp_path))
    looked, look = [], RandomConvnet.__call__

    def counted(self, pictures):
        looked.append(len(pictures))
        return look(self, pictures)

    monkeypatch.setattr(RandomConvnet, "__call__", counted)
    first = evaluate(models, test_split, train_split, settings)
    assert sorted(looked) == [1, 80, 80, 80, 80]
    looked.clear()
    again = evaluate(models, test_split, train_split, settings)
    assert sorted(looked) == [1, 80, 80]
    assert [m.to_json() for m in again.metrics] == [m.to_json() for m in first.metrics]
    assert len(list(tmp_path.glob("encoder-*.npz"))) == 1


def test_the_discriminators_overfitting_is_taken_from_the_training(
    toy, test_split, train_split, saved, tmp_path
):
    generator = toy.save(toy.Generator(), tmp_path / "generator")
    side = tmp_path / "generator" / "assets.extra" / "tuwen"
    side.mkdir(parents=True)
    summary = {"validation": {"discriminator_gap": 0.25, "kid_encoder": 0.1}, "held_out": 90}
    (side / "summary.json").write_text(json.dumps(summary))
    models = {"encoder": saved("encoder"), "generator": generator}
    found = _by_name(evaluate(models, test_split, train_split, SETTINGS))["discriminator_gap"]
    assert (found.value, found.n, found.split, found.ceiling) == (0.25, 90, "val", 0.0)
    assert not found.higher_is_better and found.low is None


def test_a_captioner_that_always_says_the_same_is_noticed(judged):
    right, same = _by_name(judged()), _by_name(judged(captioner="same caption"))
    for name in ("bleu4_en", "rouge_l_en", "cider_d_en", "caption_truth", "cycle_agreement"):
        assert same[name].high < right[name].low, name
    assert same["caption_truth"].value < 0.1
    usual = same["cider_d_en"].baselines["most_frequent_caption"]
    assert same["cider_d_en"].value < 3 * usual + 0.5


def test_chinese_is_scored_by_character_against_chinese_references(judged):
    names = [metric.name for metric in judged(captioner="chinese").metrics]
    assert "bleu4_zh_char" in names
    assert "bleu4_en" not in names
    found = _by_name(judged(captioner="chinese"))
    assert found["bleu4_zh_char"].value == pytest.approx(1.0, abs=1e-3)
    assert found["bleu4_zh_char"].ceiling is None
    assert found["cycle_agreement"].value == pytest.approx(1.0, abs=0.02)


def test_each_language_is_judged_by_captions_asked_for_in_it(judged):
    both, half = (
        _by_name(judged(captioner="polyglot")),
        _by_name(judged(captioner="half a polyglot")),
    )
    for name in ("bleu4_en", "bleu4_zh_char"):
        assert both[name].parts["all_references"] == pytest.approx(1.0, abs=1e-3)
        assert both[name].n == 80
    assert half["bleu4_en"].value == both["bleu4_en"].value
    assert half["bleu4_zh_char"].value < 0.1
    assert both["caption_truth"].value == 1.0 and both["caption_truth"].n == 80
    assert both["caption_truth"].parts == {"en": 1.0, "zh": 1.0}
    assert both["caption_truth"].chance < 0.3
    assert half["caption_truth"].value == pytest.approx(0.5)
    assert half["caption_truth"].parts == {"en": 1.0, "zh": 0.0}
    for tag, share in half["caption_truth"].parts.items():
        part = half[f"caption_truth@language={tag}"]
        assert (part.value, part.n) == (share, 80)
        assert part.baselines.keys() == half["caption_truth"].baselines.keys()
    rivals = both["caption_truth"].baselines
    assert rivals["most_frequent_caption"] < 0.3 < rivals["nearest_training_image"]
    assert both["cycle_agreement"].value == pytest.approx(1.0, abs=0.02)
    assert 0.2 < half["cycle_agreement"].value < 0.9
    shown = judged(captioner="polyglot").generated
    assert all((one.language == "en") == one.said.startswith("a ") for one in shown)


def test_without_an_exact_check_words_are_looked_for(judged):
    settings = EvaluationSettings(samples=80, diversity_prompts=2, diversity_samples=2)
    evaluation = judged(settings=settings)
    found = _by_name(evaluation)
    assert found["attribute_agreement"].value == pytest.approx(1.0, abs=0.02)
    assert 0 < found["attribute_agreement"].n < 80
    assert found["cycle_agreement"].value == pytest.approx(1.0, abs=0.02)
    assert {"pixel_agreement", "caption_truth"} <= set(evaluation.skipped)


def test_equal_seeds_give_equal_figures_and_others_do_not(saved, test_split, train_split):
    def run(seed):
        settings = EvaluationSettings(
            samples=40, seed=seed, diversity_prompts=2, diversity_samples=2
        )
        models = {"encoder": saved("encoder"), "generator": saved("noisy")}
        return evaluate(models, test_split, train_split, settings)

    first, again, other = run(3), run(3), run(4)
    assert [m.to_json() for m in first.metrics] == [m.to_json() for m in again.metrics]
    assert first.generated == again.generated
    assert not {shown.seed for shown in first.generated} & {shown.seed for shown in other.generated}


def test_encoder_alone_leaves_the_rest_skipped_with_reasons(saved, test_split, train_split):
    evaluation = evaluate({"encoder": saved("encoder")}, test_split, train_split, SETTINGS)
    names = {metric.name.split("_1of")[0] for metric in evaluation.metrics}
    assert {"retrieval_text_to_image", "f1_micro"} <= names
    assert evaluation.skipped["memorisation"] == "there is no generator"
    assert evaluation.skipped["caption scores"] == "there is no captioner"
    assert evaluation.generated == evaluation.captioned == ()


def test_thresholds_of_the_model_decide_what_it_says(saved, test_split, train_split):
    def figures(name):
        return evaluate({"encoder": saved(name)}, test_split, train_split, SETTINGS)

    half, strict = figures("encoder"), figures("strict")
    assert {label.threshold for label in half.labels} == {0.5}
    assert {label.threshold for label in strict.labels} == {float(np.float32(0.995))}
    one, other = _by_name(half), _by_name(strict)
    assert other["f1_micro"].value < one["f1_micro"].value - 0.01
    assert other["f1_micro"].baselines["threshold_0.5"] == one["f1_micro"].value
    assert other["f1_macro"].baselines["threshold_0.5"] == one["f1_macro"].value
    assert other["average_precision_macro"].value == one["average_precision_macro"].value


def test_every_label_has_its_own_figures(judged, toy, test_split):
    labels = judged().labels
    assert tuple(label.name for label in labels) == toy.NAMES
    judged_pictures = _by_name(judged())["f1_micro"].n
    for group in ("colour", "size", "ground"):
        found = [label for label in labels if label.name.startswith(group)]
        assert sum(label.support for label in found) == judged_pictures
    assert all(0 <= label.calibration_error <= 1 for label in labels)
    macro = _by_name(judged())["f1_macro"].value
    assert np.mean([label.f1 for label in labels if label.support]) == pytest.approx(macro)


def test_a_recogniser_of_mined_words_is_judged_by_the_words_of_captions(
    saved, test_split, train_split
):
    evaluation = evaluate({"encoder": saved("miner")}, test_split, train_split, SETTINGS)
    found, given = _by_name(evaluation), {label.name: label for label in evaluation.labels}
    assert found["f1_micro"].value == pytest.approx(1.0, abs=0.02)
    assert given["word:red"].support > 0
    assert given["word:red"].support == sum(
        "colour:red" in record.attributes for record in _subset(test_split, 80, SETTINGS.seed)
    )


def test_samples_are_what_a_report_shows(judged, test_split):
    evaluation = judged()
    assert len(evaluation.generated) == 48
    assert len(evaluation.captioned) == 24
    shown = evaluation.generated[5]
    assert shown.png.startswith(b"\x89PNG")
    assert shown.said.startswith("a ")
    references = {record.image_id: record.captions for record in test_split}
    for captioned in evaluation.captioned:
        assert captioned.references == references[captioned.image_id]
    assert all(seconds >= 0 for seconds in evaluation.timings.values())


def test_written_and_read_again(judged, tmp_path):
    evaluation = judged()
    evaluation.write(str(tmp_path))
    evaluation.write(str(tmp_path))
    assert Evaluation.read(str(tmp_path)) == evaluation
    record = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert record["metrics"][0]["name"] == "kid_encoder_n80"
    assert not list(tmp_path.rglob("*.tmp"))
    with pytest.raises(FileNotFoundError, match="no evaluation"):
        Evaluation.read(str(tmp_path / "samples"))


def test_wrong_input_is_named(saved, test_split, train_split, tmp_path):
    models = {"encoder": saved("encoder")}
    with pytest.raises(ValueError, match="test split holds 1"):
        evaluate(models, test_split[:1], train_split, SETTINGS)
    with pytest.raises(ValueError, match="train split holds 0"):
        evaluate(models, test_split, [], SETTINGS)
    with pytest.raises(ValueError, match="painter"):
        evaluate({**models, "painter": saved("generator")}, test_split, train_split, SETTINGS)
    with pytest.raises(SettingsError, match="no SavedModel"):
        evaluate({"encoder": str(tmp_path)}, test_split, train_split, SETTINGS)
    with pytest.raises(SettingsError, match=r"no signature.*embed_text"):
        evaluate({"encoder": saved("captioner")}, test_split, train_split, SETTINGS)
    with pytest.raises(SettingsError, match=r"toy_bricks.*captioned_scenes"):
        evaluate(models, test_split, train_split, EvaluationSettings(exact_check="toy_bricks"))
    with pytest.raises(SettingsError, match="samples"):
        EvaluationSettings(samples=0)
    with pytest.raises(SettingsError, match=r"learns_from.*'test'.*train, val"):
        JudgeSettings(learns_from="test")
    for key, value in (("minutes", 0.0), ("seed", 0)):
        with pytest.raises(SettingsError, match=key):
            JudgeSettings(**{key: value})
    with pytest.raises(ValueError, match="toy_blocks"):
        register("toy_blocks", SceneCheck)
