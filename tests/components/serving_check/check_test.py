"""The check on tiny models, each with one fault that clients would meet."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text as tf_text

from components.serving_check import replay
from components.serving_check.check import check, report, run
from components.serving_check.check import replay as asked
from components.serving_check.contract import ANSWER, CONTRACT, build


@pytest.fixture
def judged(tmp_path, model_uri, pictures):
    """Returns a function: kind, fault, forms -> the report, replayed within this process."""

    def judge(kind, fault="", *forms):
        probes = build(kind, pictures["test"], 4)
        requests, answers = tmp_path / "requests.json", tmp_path / "answers.json"
        requests.write_text(json.dumps([probe.to_json() for probe in probes]))
        model_dir = f"{model_uri(kind, fault)}/Format-Serving"
        replay.main(model_dir, str(requests), str(answers), *forms)
        return report(kind, probes, json.loads(answers.read_text()))

    return judge


@pytest.mark.parametrize("kind", CONTRACT)
def test_sound_model_is_blessed(judged, kind):
    got = judged(kind)
    assert got.problems == ()
    assert got.blessed
    assert "fresh process" in got.sentence
    measured = {(latency.signature, latency.batch) for latency in got.latencies}
    assert measured == {(name, batch) for name in CONTRACT[kind] for batch in (1, 4)}
    assert all(0 < latency.median_ms < 60_000 for latency in got.latencies)


@pytest.mark.parametrize(
    ("kind", "fault", "words"),
    [
        ("captioner", "nan", "log_prob holds values that are not finite"),
        ("captioner", "accepts_anything", "'caption_in with unequal lengths' was answered"),
        ("captioner", "accepts_anything", "with broken image_bytes': errors in rows [] in place"),
        ("captioner", "accepts_anything", "'caption_in with broken language': errors in rows []"),
        ("encoder", "fails_all", "with broken image_bytes' ended in InvalidArgumentError"),
        ("encoder", "silent", "'embed_image with broken image_bytes': errors in rows [] in place"),
        ("encoder", "neighbours", "embedding: up to"),
        ("generator", "neighbours", "image_bytes: pixels up to"),
    ],
)
def test_faulty_model_is_refused_with_the_reason(judged, kind, fault, words):
    got = judged(kind, fault)
    assert not got.blessed
    assert got.sentence.startswith("Refused: ")
    assert any(words in problem for problem in got.problems), got.problems


def test_signatures_that_need_another_library_are_named(tmp_path):
    class Folding(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def fold(self, text):
            return {"folded": tf.map_fn(lambda one: tf_text.case_fold_utf8([one])[0], text)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def lower(self, text):
            return {"folded": tf.strings.lower(text)}

    model = Folding()
    signatures = {"fold": model.fold, "lower": model.lower}
    tf.saved_model.save(model, str(tmp_path / "model"), signatures=signatures)
    (tmp_path / "requests").write_text("[]")
    replay.main(*(str(tmp_path / name) for name in ("model", "requests", "answers")))
    facts = json.loads((tmp_path / "answers").read_text())
    assert report("encoder", [], facts).foreign == {"fold": ["CaseFoldUTF8"]}


@pytest.fixture
def beside(model_uri):
    """Writes a LiteRT model that doubles, and samples that want it done, beside the captioner."""
    lite = Path(model_uri("captioner"), "Format-Serving", "assets.extra", "tuwen", "lite")

    def write(wanted):
        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.int32, "x")])
        def double(x):
            return {"ids": 2 * x}

        module = tf.Module()
        concrete = [double.get_concrete_function()]
        converter = tf.lite.TFLiteConverter.from_concrete_functions(concrete, module)
        lite.mkdir()
        (lite / "int8.tflite").write_bytes(converter.convert())
        rows = np.arange(8, dtype=np.int32).reshape(2, 4)
        np.savez(lite / "sample.npz", in_x=rows, out_ids=wanted(rows))

    yield write
    shutil.rmtree(lite, ignore_errors=True)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_a_compressed_model_that_answers_alike_is_blessed_with_its_size(judged, beside):
    beside(lambda rows: 2 * rows)
    got = judged("captioner", "", "int8")
    assert got.blessed, got.problems
    assert got.compressed["int8"]["apart"] == {"ids": 0.0}
    assert got.compressed["int8"]["bytes"] > 100 and got.compressed["int8"]["median_ms"] > 0


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize(
    ("wanted", "form", "words"),
    [
        (lambda rows: 3 * rows + 1, "int8", "LiteRT int8: ids is 1.000 from the model's own"),
        (lambda rows: rows[:, :2], "int8", "LiteRT int8: ValueError: int32 (1, 4) in place of"),
        (lambda rows: 2 * rows, "float16", "LiteRT float16: it is missing"),
    ],
)
def test_a_compressed_model_that_is_needed_and_not_right_is_refused(
    judged, beside, wanted, form, words
):
    beside(wanted)
    got = judged("captioner", "", form)
    assert not got.blessed and words in got.problems[0]


def test_slow_model_is_refused_at_the_time_limit(model_uri, pictures):
    model_dir = f"{model_uri('encoder')}/Format-Serving"
    got = check(model_dir, "encoder", pictures["test"], time_limit=0.2)
    assert "no end after 0.2 s" in got.sentence


def test_directory_without_model_is_refused(tmp_path, judged, pictures):
    probes = build("encoder", pictures["test"], 2)
    requests, answers = tmp_path / "requests.json", tmp_path / "answers.json"
    requests.write_text("[]")
    replay.main(str(tmp_path / "nothing"), str(requests), str(answers))
    got = report("encoder", probes, json.loads(answers.read_text()))
    assert "does not load" in got.sentence


def test_crash_names_the_signal_and_the_request(tmp_path):
    crash = "import os; print('caption x8', flush=True); os.kill(os.getpid(), 11)"
    reason = run([sys.executable, "-c", crash], tmp_path, 30)
    assert "by signal 11 while at 'caption x8'" in reason


def test_error_exit_gives_the_last_line_of_the_log(tmp_path):
    reason = run([sys.executable, "-c", "raise SystemExit('out of memory')"], tmp_path, 30)
    assert reason == "the process ended with code 1 while at 'start': out of memory"


def test_replaying_process_imports_no_room_but_its_own():
    source = Path(replay.__file__).read_text()
    for room in ("tfx", "data", "trainer", "pipeline", "components"):
        assert f"import {room}" not in source
        assert f"from {room}" not in source


def test_replaying_process_gets_a_path_without_letters_of_patterns(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(
        "components.serving_check.check.run", lambda command, *_: given.append(command) or "ended"
    )
    place = tmp_path / "run [1]"
    place.mkdir()
    assert asked(str(place), [], 1.0) == {"died": "ended"}
    assert "[" not in given[0][3] and Path(given[0][3]).resolve() == place


def test_no_picture_is_an_error():
    with pytest.raises(ValueError, match="test split"):
        build("encoder", [], 4)


def test_every_signature_is_asked_alone_in_a_batch_and_again(pictures):
    for kind, signatures in CONTRACT.items():
        probes = build(kind, pictures["test"], 4)
        assert len({probe.name for probe in probes}) == len(probes)
        for name in signatures:
            asked = [probe for probe in probes if probe.signature == name]
            timed = [probe.rows for probe in asked if probe.repeats > 1]
            assert timed == [1, 4]
            assert asked[-1].twins and asked[-1].inputs == asked[0].inputs


def test_every_seeded_row_is_compared_with_itself_alone(pictures):
    asked = {probe.name: probe for probe in build("generator", pictures["test"], 3)}
    many = asked["generate x3"]
    assert [twin.row for twin in many.twins] == [2, 1, 0]
    for twin in many.twins:
        alone = asked[twin.other].inputs
        assert alone == {name: [column[twin.row]] for name, column in many.inputs.items()}


def facts_of(kind, **changes):
    names = {
        name: {"inputs": sorted(wanted.inputs), "outputs": sorted(wanted.outputs)}
        for name, wanted in CONTRACT[kind].items()
    }
    return {"signatures": {**names, **changes}, "answers": {}, "peak_rss_mib": 1.0}


def test_renamed_output_is_a_problem():
    changed = {"inputs": ["image_bytes"], "outputs": ["caption", "error", "logprob"]}
    got = report("captioner", [], facts_of("captioner", serving_default=changed))
    wanted = (
        "'serving_default' has outputs caption, error, logprob in place of caption, error, log_prob"
    )
    assert wanted in got.sentence


def test_missing_signature_is_a_problem():
    facts = facts_of("generator")
    del facts["signatures"]["generate"]
    got = report("generator", [], facts)
    assert (
        "signature 'generate' is missing (there are: serving_default, interpolate, examples)"
        in got.sentence
    )


def test_wrong_kind_of_error_is_a_problem(pictures):
    probes = [probe for probe in build("captioner", pictures["test"], 2) if probe.expect != ANSWER]
    crash = {"error": "InternalError", "message": "InternalError: bad"}
    facts = facts_of("captioner")
    facts["answers"] = {probe.name: crash for probe in probes}
    got = report("captioner", probes, facts)
    assert len(got.problems) == len(probes)
    assert "ended in InternalError: bad in place of an error of the last row" in got.problems[0]
