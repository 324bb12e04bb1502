"""The whole pipeline compiled for both targets: beside what was compiled before, and by its rules.

After a change that is meant, renew the files in golden/ and look at the difference:

    TUWEN_RENEW_GOLDEN=1 python -m pytest tests/pipeline/cluster/compiling_test.py
"""

import json
import os
import re
from pathlib import Path

import pytest
import yaml

from pipeline import cli
from pipeline.cluster.compiling import kebab
from pipeline.cluster.spec import TARGETS, read_document, tasks
from trainer.config import STAGES

GOLDEN = Path(__file__).parent / "golden"
RENEW = "TUWEN_RENEW_GOLDEN"
TRAINERS = "cpu: 4, memory: 16Gi, gpus: 1, vertex_gpu: NVIDIA_TESLA_T4"
SELECTOR = ", node_selector: {accelerator: t4}"
WISHES = {
    "kubeflow": (
        f"cluster.nodes={{Trainer.*: {{{TRAINERS}{SELECTOR}}}}}",
        "cluster.volume={claim: tuwen-shared}",
        "cluster.checkpoints=/mnt/tuwen/training",
        "cluster.pipeline_root=minio://mlpipeline/tuwen",
        "cluster.env={TF_CPP_MIN_LOG_LEVEL: '2'}",
    ),
    "vertex": (f"cluster.nodes={{Trainer.*: {{{TRAINERS}}}}}",),
}
# The demo has none; other configs do.
JUDGE = "evaluation.judge={learns_from: val, minutes: 0.75}"
# All settings of the installed TFDV, another set in each version.
STATISTICS_OPTIONS = re.compile(
    r"(stats_options_json:\n +runtimeValue:\n +constant: )\|-\n(?: +[\"{}].*\n)+"
)
ALWAYS = ("--image", "registry.example.com/tuwen:0.1.0", "--store", "gs://bucket/tuwen")


def compile_for(target, output, *more):
    wishes = [f"--set={wish}" for wish in (JUDGE, *WISHES[target])]
    return cli.main(["compile", "demo", "--target", target, "-o", str(output), *wishes, *more])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What `tuwen compile` writes for each target."""
    folder = tmp_path_factory.mktemp("compiled")
    made = {target: folder / f"{target}.yaml" for target in TARGETS}
    for target, path in made.items():
        assert compile_for(target, path, *ALWAYS) == 0
    return made


@pytest.fixture(scope="module")
def specs(files):
    return {target: read_document(path) for target, path in files.items()}


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_compiled_is_what_was_compiled_before(files, target):
    golden = GOLDEN / f"{target}.yaml"
    made = STATISTICS_OPTIONS.sub(r"\1TFDV's notation\n", files[target].read_text("utf-8"))
    if os.environ.get(RENEW):
        golden.write_text(made, encoding="utf-8")
    assert made == golden.read_text(encoding="utf-8"), f"renew it with {RENEW}=1 if that is meant"


def test_captioner_and_generator_have_a_gpu_each_and_do_not_wait_for_each_other(specs):
    for spec in specs.values():
        waits = {stage: tasks(spec)[f"trainer-{stage}"]["dependentTasks"] for stage in STAGES[1:]}
        assert waits["captioner"] == waits["generator"] == ["trainer-encoder", "transform"]
        executors = spec["deploymentSpec"]["executors"]
        for stage in STAGES:
            resources = executors[f"exec-trainer-{stage}"]["container"]["resources"]
            assert resources["accelerator"]["count"] == "1"
        assert "accelerator" not in executors["exec-transform"]["container"]["resources"]


def test_the_gate_is_waited_for_though_it_gives_nothing(specs):
    for spec in specs.values():
        assert "data-gate" in tasks(spec)["transform"]["dependentTasks"]


def test_neither_resolver_nor_driver_nor_instance_schema_is_left(specs):
    for spec in specs.values():
        for executor in spec["deploymentSpec"]["executors"].values():
            assert set(executor) == {"container"}
            assert "lifecycle" not in executor["container"]
        assert "instanceSchema" not in json.dumps(spec)


def test_parameters_of_a_run_reach_the_nodes_that_need_them(specs):
    def taken(name):
        found = {}
        for key, task in tasks(specs["kubeflow"]).items():
            for value in task["inputs"]["parameters"].values():
                if value.get("componentInputParameter") == name:
                    found[key] = True
        return set(found)

    trainers = {f"trainer-{stage}" for stage in STAGES}
    assert taken("data") == {"caption-example-gen"}
    assert taken("minutes") == trainers
    assert taken("checkpoints") == trainers | {"trainer-judge"}
    pushing = {f"{kind}-{stage}" for kind in ("pusher", "last-blessed") for stage in STAGES}
    others = {"trainer-judge", "last-blessed-data", "cross-modal-evaluator", "run-report"}
    assert taken("store") == trainers | pushing | others
    assert taken("image") == set(tasks(specs["kubeflow"]))


def test_what_looks_outside_is_never_cached(specs):
    cached = {k for k, t in tasks(specs["kubeflow"]).items() if t["cachingOptions"]}
    outside = {f"last-blessed-{one}" for one in (*STAGES, "data")} | {"caption-example-gen"}
    assert set(tasks(specs["kubeflow"])) - cached == outside


def test_the_page_on_scale_counts_what_is_compiled(specs):
    spec = specs["kubeflow"]
    made = [one.get("outputDefinitions", {}).get("artifacts", {}) for one in _components(spec)]
    read = [
        one["taskOutputArtifact"]
        for task in tasks(spec).values()
        for one in task["inputs"].get("artifacts", {}).values()
    ]
    page = (Path(__file__).parents[3] / "docs/scale.md").read_text(encoding="utf-8")
    counts = f"{len(tasks(spec))}, {sum(map(len, made))}, {len(read)}"
    assert f"| metadata: executions, artefacts, input events | {counts}:" in page
    for what, producer, key in (
        ("raw examples (S each)", "caption-example-gen", "examples"),
        ("prepared examples (T each)", "transform", "transformed_examples"),
    ):
        times = read.count({"producerTask": producer, "outputArtifactKey": key})
        assert f"| reads of the {what} | {times}:" in page


def _components(spec):
    return spec["components"].values()


def test_no_path_of_this_machine_is_compiled(files):
    root = str(Path(__file__).resolve().parents[3])
    for path in files.values():
        assert root not in path.read_text(encoding="utf-8")


def test_artefacts_go_below_the_root_that_was_named(specs):
    assert specs["kubeflow"]["defaultPipelineRoot"] == "minio://mlpipeline/tuwen"
    assert specs["vertex"]["defaultPipelineRoot"] == "gs://bucket/tuwen/artifacts"


def test_a_changed_setting_changes_few_lines(files, tmp_path):
    assert compile_for("vertex", tmp_path / "b.yaml", *ALWAYS, "--set=generator.width=24") == 0
    before = files["vertex"].read_text(encoding="utf-8").splitlines()
    after = (tmp_path / "b.yaml").read_text(encoding="utf-8").splitlines()
    assert len(before) == len(after)
    changed = [one for one in zip(before, after, strict=True) if one[0] != one[1]]
    assert 1 <= len(changed) <= 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--store", "gs://b/f"), "no image to run: add --image"),
        (("--image", "tuwen", "--store", "gs://b/f"), "image = 'tuwen' is not allowed"),
        (("--image", "tuwen:1"), "no place for pushed models and the report: add --store"),
        (("--image", "tuwen:1", "--store", "minio://b/f"), "store = 'minio://b/f'"),
        ((*ALWAYS, "--set=cluster.nodes={Trainer.*: {tpu: 1}}"), "unknown key"),
        ((*ALWAYS, "--set=cluster.nodes={Trainer.*: {memory: much}}"), "memory = 'much'"),
        ((*ALWAYS, "--set=cluster.nodes={Traner: {cpu: 1}}"), "no node is named 'Traner'"),
        ((*ALWAYS, "--set=cluster.nodes={Trainer.*: {gpus: 1}}"), "Vertex needs their type"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_written(tmp_path, capsys, arguments, said):
    output = tmp_path / "pipeline.yaml"
    status = cli.main(["compile", "demo", "--target", "vertex", "-o", str(output), *arguments])
    assert status == 2
    assert said in capsys.readouterr().err
    assert not output.exists()


def test_a_schema_of_this_machine_is_refused(tmp_path, capsys):
    (tmp_path / "own.pbtxt").write_text("")
    wish = f"--set=schema={tmp_path / 'own.pbtxt'}"
    assert compile_for("vertex", tmp_path / "x.yaml", *ALWAYS, wish) == 2
    assert "which no container sees" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CaptionExampleGen", "caption-example-gen"),
        ("Trainer.encoder", "trainer-encoder"),
        ("demo_smoke", "demo-smoke"),
        ("fashion64", "fashion64"),
    ],
)
def test_names_are_kebab_case(name, expected):
    assert kebab(name) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [", "not valid YAML"), ("a: 1", "holds no PipelineSpec"), ("", "holds no PipelineSpec")],
)
def test_a_file_that_is_no_pipeline_is_refused(tmp_path, capsys, text, said):
    (tmp_path / "p.yaml").write_text(text)
    assert cli.main(["dry-run", str(tmp_path / "p.yaml")]) == 2
    assert said in capsys.readouterr().err
    assert cli.main(["dry-run", str(tmp_path / "q.yaml")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_the_file_is_plain_yaml_with_settings_one_a_line(files):
    text = files["kubeflow"].read_text(encoding="utf-8")
    assert len(list(yaml.safe_load_all(text))) == 2
    assert '"learning_rate"' in text
    assert max(map(len, text.splitlines())) < 4000
