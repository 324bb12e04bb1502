"""Compressed models: what lies beside the SavedModel, and that it answers alike."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from data.images import to_float
from trainer.config import ExportSettings
from trainer.export.captioner import export_captioner
from trainer.export.generator import export_generator

FORMS = ("float32", "float16", "int8")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.debian13,
    pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated"),
]


@pytest.fixture(scope="module")
def compressed(trained, prepared, experiment, tmp_path_factory):
    """Directories with compressed captioner and generator."""
    changed = replace(experiment, export=ExportSettings(warm_up=(1,), compressed=FORMS))
    root = tmp_path_factory.mktemp("compressed")
    encoder = trained("encoder").task.model
    speaker, painter = trained("captioner").task.model, trained("generator").task.average
    export_captioner(changed, prepared, encoder, speaker, str(root / "captioner"))
    export_generator(changed, prepared, encoder, painter, str(root / "generator"))
    return root


def sample_of(directory):
    with np.load(directory / "sample.npz") as archive:
        return dict(archive)


def run(file, inputs):
    """All rows, one after the other."""
    call = tf.lite.Interpreter(str(file)).get_signature_runner()
    count = len(next(iter(inputs.values())))
    rows = [call(**{k: v[row : row + 1] for k, v in inputs.items()}) for row in range(count)]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stage", ["captioner", "generator"])
def test_each_form_answers_its_samples_almost_as_the_model_does(compressed, stage, form):
    directory = compressed / stage / "assets.extra" / "tuwen" / "lite"
    sample = sample_of(directory)
    found = run(
        directory / f"{form}.tflite", {k[3:]: v for k, v in sample.items() if k.startswith("in_")}
    )
    expected = {k[4:]: v for k, v in sample.items() if k.startswith("out_")}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape
        if name == "picture":
            apart = np.abs(found[name].astype(int) - value)
            assert apart.mean() < {"float32": 0.01, "float16": 0.5, "int8": 8}[form]
    if form == "float32":
        np.testing.assert_allclose(found.get("log_prob", 0), expected.get("log_prob", 0), rtol=1e-4)
        np.testing.assert_array_equal(found.get("ids", 0), expected.get("ids", 0))


def test_forms_are_smaller_the_coarser_they_are(compressed):
    for stage in ("captioner", "generator"):
        directory = compressed / stage / "assets.extra" / "tuwen" / "lite"
        sizes = [(directory / f"{form}.tflite").stat().st_size for form in FORMS]
        assert sizes[0] > sizes[1] and sizes[0] > sizes[2]


def test_samples_are_held_out_pictures_and_captions(compressed, prepared):
    held_out, lite = prepared.arrays("val"), "assets.extra/tuwen/lite"
    seen = sample_of(compressed / "captioner" / lite)
    np.testing.assert_array_equal(seen["in_picture"], to_float(held_out.images[:8]))
    assert seen["in_language"].tolist() == [0, 1] * 4
    said = sample_of(compressed / "generator" / lite)
    np.testing.assert_array_equal(said["in_ids"], held_out.ids[:8, 0])


def test_without_being_asked_for_there_are_none(trained):
    assert not (trained("generator").model_dir / "assets.extra" / "tuwen" / "lite").exists()
