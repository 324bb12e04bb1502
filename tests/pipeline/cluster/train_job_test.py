"""A stage's training as a TFJob: what its pods run, and what is refused."""

import pytest
import yaml

from pipeline import cli
from pipeline import settings as settings_file
from pipeline.cluster.train_job import SETTINGS_FILE

WISHES = {
    "volume": "{claim: tuwen-shared}",
    "nodes": "{Trainer.generator: {cpu: 8, memory: 32Gi, gpus: 2, node_selector: {gpu: a}}}",
    "env": "{B: '2', A: '1'}",
}
ALWAYS = ("--image", "registry.example.com/tuwen:0.1.0", "--store", "/mnt/tuwen/runs")


def compile_job(output, *more, wishes=WISHES, stage="generator"):
    given = [f"--set=cluster.{key}={value}" for key, value in wishes.items()]
    arguments = ["compile", "demo", "--train-job", stage, "-o", str(output)]
    return cli.main([*arguments, *ALWAYS, *given, *more])


@pytest.fixture
def documents(tmp_path):
    assert compile_job(tmp_path / "job.yaml", "--workers", "4") == 0
    return list(yaml.safe_load_all((tmp_path / "job.yaml").read_text(encoding="utf-8")))


def test_all_workers_train_one_stage_in_the_same_place(documents):
    _, job = documents
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "TFJob")
    (kind, worker), *others = job["spec"]["tfReplicaSpecs"].items()
    assert (kind, others, worker["replicas"]) == ("Worker", [], 4)
    (container,) = worker["template"]["spec"]["containers"]
    assert container["name"] == "tensorflow"
    assert container["image"] == "registry.example.com/tuwen:0.1.0"
    words = ["tuwen", "train", "/etc/tuwen/settings.yaml", "--stage", "generator"]
    assert container["command"] == [*words, "--work", "/mnt/tuwen/runs/demo"]
    assert cli.parser().parse_args(container["command"][1:]).stage == "generator"


def test_lost_workers_start_again(documents):
    spec = documents[1]["spec"]
    assert spec["tfReplicaSpecs"]["Worker"]["restartPolicy"] == "OnFailure"
    assert spec["runPolicy"]["backoffLimit"] == 8


def test_pods_have_what_the_node_of_the_pipeline_has(documents):
    pod = documents[1]["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]
    (container,) = pod["containers"]
    limits = {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": 2}
    assert container["resources"]["limits"] == limits
    assert pod["nodeSelector"] == {"gpu": "a"}
    assert container["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounts == {"settings": "/etc/tuwen", "shared": "/mnt/tuwen"}
    claims = {one["name"]: one.get("persistentVolumeClaim") for one in pod["volumes"]}
    assert claims == {"settings": None, "shared": {"claimName": "tuwen-shared"}}


def test_the_settings_are_read_as_a_config_and_train_on_all_workers(documents, tmp_path):
    settings, job = documents
    volumes = job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["volumes"]
    assert volumes[0]["configMap"]["name"] == settings["metadata"]["name"]
    (tmp_path / "settings.yaml").write_text(settings["data"][SETTINGS_FILE], encoding="utf-8")
    found = settings_file.load(str(tmp_path / "settings.yaml"))
    assert found.training.strategy == "multi_worker"
    plain = settings_file.load("demo")
    assert found.generator == plain.generator
    assert found.source == plain.source


@pytest.mark.parametrize(
    ("more", "wishes", "said"),
    [
        (("--workers", "3"), WISHES, "generator.batch_size = 32 is that of all devices"),
        ((), {}, "no volume for checkpoints"),
        (("--store", "/mnt/other"), WISHES, "store = '/mnt/other' is not on the volume"),
        (("--store", "/mnt/tuwen-2"), WISHES, "store = '/mnt/tuwen-2' is not on the volume"),
        (("--target", "vertex"), WISHES, "vertex has no Training Operator"),
    ],
)
def test_what_cannot_train_is_refused(tmp_path, capsys, more, wishes, said):
    assert compile_job(tmp_path / "job.yaml", *more, wishes=wishes) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "job.yaml").exists()
