"""Compiled pipelines as Kubeflow's own SDK reads them: its loader, and the published protos."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from pipeline import settings

PROJECT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "golden"
PYTHON = Path(os.environ.get("TUWEN_KFP_PYTHON", PROJECT / ".tools/kfp/bin/python"))
SCRIPT = Path(__file__).with_name("load_with_kfp.py")

pytestmark = pytest.mark.skipif(
    not PYTHON.is_file(), reason="Kubeflow's SDK is not here: `make kfp` puts it into .tools/kfp"
)
TRAINERS = [f"exec-trainer-{stage}" for stage in ("captioner", "encoder", "generator", "judge")]


def load(path):
    return subprocess.run(
        [str(PYTHON), str(SCRIPT), str(path)], capture_output=True, text=True, check=False
    )


def loaded(target):
    done = load(GOLDEN / f"{target}.yaml")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_kubeflow_loads_the_pipeline_with_its_parameters_and_machines():
    found = loaded("kubeflow")
    assert found["name"] == "demo"
    assert len(found["tasks"]) == 22
    assert found["inputs"] == {
        "checkpoints": ["String", "/mnt/tuwen/training"],
        "data": ["String", "tfds:captioned_scenes/32px"],
        "image": ["String", "registry.example.com/tuwen:0.1.0"],
        "minutes": ["Float", settings.load("demo").training.minutes],
        "store": ["String", "gs://bucket/tuwen"],
    }
    assert found["accelerators"] == {label: ["nvidia.com/gpu", 1] for label in TRAINERS}
    assert {label for label, one in found["selectors"].items() if one} == set(TRAINERS)
    assert found["claims"]["exec-transform"] == ["tuwen-shared"]
    assert found["images"] == ["{{$.inputs.parameters['image']}}"]
    assert found["retries"] == [2]


def test_vertex_is_given_one_document_with_a_fixed_image():
    found = loaded("vertex")
    assert "image" not in found["inputs"]
    assert found["images"] == ["registry.example.com/tuwen:0.1.0"]
    assert found["accelerators"] == {label: ["NVIDIA_TESLA_T4", 1] for label in TRAINERS}
    assert found["selectors"] == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cpuLimit:", "cpuLimits:"),
        ("schemaTitle: tfx.Examples", "schemaName: tfx.Examples"),
        ("mountPath:", "mountPoint:"),
    ],
)
def test_what_the_protos_do_not_know_is_refused(tmp_path, old, new):
    text = (GOLDEN / "kubeflow.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "broken.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    done = load(tmp_path / "broken.yaml")
    assert done.returncode != 0
    assert new.partition(":")[0] in done.stderr
