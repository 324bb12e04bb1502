"""A pipeline of three small nodes whose containers are this Python, without TFX."""

import json

import pytest

SCRIPT = """
import json, os, pathlib, signal, sys, time
given = json.loads(sys.argv[2])
outputs = given["outputs"]
answer = {"artifacts": {}}
text = given["inputs"]["parameterValues"].get("text", "")
for key, each in sorted(given["inputs"]["artifacts"].items()):
    text += pathlib.Path(each["artifacts"][0]["uri"], "text").read_text()
flag = pathlib.Path(given["inputs"]["parameterValues"].get("flag", "/nowhere"))
for key, each in outputs["artifacts"].items():
    place = pathlib.Path(each["artifacts"][0]["uri"])
    place.mkdir(parents=True)
    metadata = {"length": len(text), "by": "me", "splits": {"train": 1}, "names": ["a"]}
    (place / "text").write_text(text + sys.argv[1])
    answer["artifacts"][key] = {"artifacts": [{"metadata": metadata}]}
if flag.exists():
    kind = flag.read_text()
    if kind == "wait":
        def asked(*_):
            (flag.parent / f"{sys.argv[1]}.asked").write_text("to end")
            sys.exit(1)
        signal.signal(signal.SIGTERM, asked)
        (flag.parent / f"{sys.argv[1]}.pid").write_text(str(os.getpid()))
        time.sleep(60)
    if kind == "fail" and sys.argv[1] == "b":
        sys.exit("no room for b")
pathlib.Path(outputs["outputFile"]).write_text(json.dumps(answer))
with open(flag.parent / "ran", "a") as file:
    file.write(sys.argv[1])
"""


def component(name, inputs=(), parameters=()):
    return {
        "executorLabel": f"exec-{name}",
        "inputDefinitions": {
            "parameters": {key: {"parameterType": "STRING"} for key in parameters},
            "artifacts": {key: schema() for key in inputs},
        },
        "outputDefinitions": {"artifacts": {"out": schema()}},
    }


def schema(title="tfx.Examples"):
    return {"artifactType": {"schemaTitle": title, "schemaVersion": "0.0.1"}}


def task(name, producers=(), flag=True, **constants):
    parameters = {key: {"runtimeValue": {"constant": value}} for key, value in constants.items()}
    if flag:
        parameters["flag"] = {"componentInputParameter": "flag"}
    return {
        "taskInfo": {"name": name},
        "componentRef": {"name": f"comp-{name}"},
        "dependentTasks": list(producers),
        "inputs": {
            "parameters": parameters,
            "artifacts": {
                one: {"taskOutputArtifact": {"producerTask": one, "outputArtifactKey": "out"}}
                for one in producers
            },
        },
    }


def container(name):
    args = ["-c", SCRIPT, name, "{{$}}"]
    return {"container": {"image": "tuwen:1", "command": ["python"], "args": args}}


@pytest.fixture
def spec():
    """Two nodes side by side, and one that joins what they made."""
    made = {
        "pipelineInfo": {"name": "three"},
        "components": {
            "comp-a": component("a", (), ("text", "flag")),
            "comp-b": component("b", (), ("text", "flag")),
            "comp-c": component("c", ("a", "b"), ("flag",)),
        },
        "deploymentSpec": {"executors": {f"exec-{name}": container(name) for name in "abc"}},
        "root": {
            "inputDefinitions": {
                "parameters": {"flag": {"parameterType": "STRING", "defaultValue": "/none"}}
            },
            "dag": {
                "tasks": {
                    "a": task("a", text="1"),
                    "b": task("b", text="2"),
                    "c": task("c", ("a", "b")),
                }
            },
        },
    }
    return json.loads(json.dumps(made))
