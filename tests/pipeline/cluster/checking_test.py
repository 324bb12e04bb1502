"""A pipeline that holds together passes; each way of breaking it is found and named."""

import pytest

from pipeline.cluster.spec import behind, order, parameter_fits, require_sound
from pipeline.errors import UsageError


def test_a_sound_pipeline_passes(spec):
    require_sound(spec, "x.yaml")
    assert order(spec)[-1] == "c"


def test_who_waits_for_whom_is_counted_through_others(spec):
    spec["root"]["dag"]["tasks"]["b"]["dependentTasks"] = ["a"]
    spec["root"]["dag"]["tasks"]["c"]["dependentTasks"] = ["b"]
    assert behind(spec) == {"a": {"b", "c"}, "b": {"c"}, "c": set()}


def no_component(spec):
    del spec["components"]["comp-a"]


def no_image(spec):
    spec["deploymentSpec"]["executors"]["exec-b"]["container"]["image"] = ""


def other_task_name(spec):
    spec["root"]["dag"]["tasks"]["a"]["taskInfo"]["name"] = "A"


def capitals(spec):
    spec["pipelineInfo"]["name"] = "Three"


def missing_parameter(spec):
    del spec["root"]["dag"]["tasks"]["a"]["inputs"]["parameters"]["text"]


def unknown_parameter(spec):
    given = spec["root"]["dag"]["tasks"]["a"]["inputs"]["parameters"]
    given["words"] = given["text"]


def no_such_root_parameter(spec):
    spec["root"]["inputDefinitions"]["parameters"] = {}


def other_root_type(spec):
    root = spec["root"]["inputDefinitions"]["parameters"]
    root["flag"] = {"parameterType": "NUMBER_DOUBLE", "defaultValue": 1.0}


def wrong_constant(spec):
    spec["root"]["dag"]["tasks"]["a"]["inputs"]["parameters"]["text"] = {
        "runtimeValue": {"constant": 5}
    }


def wrong_default(spec):
    spec["root"]["inputDefinitions"]["parameters"]["flag"]["defaultValue"] = 3


def missing_artifact(spec):
    del spec["root"]["dag"]["tasks"]["c"]["inputs"]["artifacts"]["a"]


def wrong_key(spec):
    source = spec["root"]["dag"]["tasks"]["c"]["inputs"]["artifacts"]["a"]
    source["taskOutputArtifact"]["outputArtifactKey"] = "in"


def suffixed_producer(spec):
    source = spec["root"]["dag"]["tasks"]["c"]["inputs"]["artifacts"]["a"]
    source["taskOutputArtifact"]["producerTask"] = "a-task"


def other_type(spec):
    made = spec["components"]["comp-a"]["outputDefinitions"]["artifacts"]["out"]
    made["artifactType"]["schemaTitle"] = "tfx.Model"


def does_not_wait(spec):
    spec["root"]["dag"]["tasks"]["c"]["dependentTasks"] = ["b"]


def unknown_dependency(spec):
    spec["root"]["dag"]["tasks"]["c"]["dependentTasks"].append("d")


def circle(spec):
    spec["root"]["dag"]["tasks"]["a"]["dependentTasks"] = ["c"]


def no_pipeline(spec):
    del spec["root"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_component, "there is no component 'comp-a'"),
        (no_image, "'exec-b' has no container with an image"),
        (other_task_name, "producers are looked up by it"),
        (capitals, "'Three' is no name for Kubernetes"),
        (missing_parameter, "task 'a': 'text' is missing among its parameters"),
        (unknown_parameter, "task 'a': 'words' is not known among its parameters"),
        (no_such_root_parameter, "'flag', which is no parameter of the pipeline"),
        (other_root_type, "'flag' is a STRING, and the pipeline's 'flag' is not"),
        (wrong_constant, "'text' is a STRING, and 5 is none"),
        (wrong_default, "parameter 'flag' is no STRING"),
        (missing_artifact, "task 'c': 'a' is missing among its artifacts"),
        (wrong_key, "'a', which has no 'in'"),
        (suffixed_producer, "'a-task', which it does not wait for"),
        (other_type, "'a' is not of the type that 'a' makes"),
        (does_not_wait, "comes from 'a', which it does not wait for"),
        (unknown_dependency, "depend on d, which there is not"),
        (circle, "tasks wait for each other"),
        (no_pipeline, "it is no PipelineSpec"),
    ],
)
def test_what_is_broken_is_named(spec, spoil, said):
    spoil(spec)
    with pytest.raises(UsageError, match=r"x\.yaml: ") as caught:
        require_sound(spec, "x.yaml")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("NUMBER_INTEGER", 3, True),
        ("NUMBER_INTEGER", 3.5, False),
        ("NUMBER_INTEGER", True, False),
        ("NUMBER_DOUBLE", 3, True),
        ("BOOLEAN", True, True),
        ("BOOLEAN", 1, False),
        ("STRING", "", True),
    ],
)
def test_types_of_parameters(kind, value, fits):
    assert parameter_fits(kind, value) is fits
