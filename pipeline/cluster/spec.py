"""The compiled pipeline as a document: its names, whether it holds together, its YAML file.

Needs no TFX.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError

# Parameters of the whole pipeline. All but the first decide about a node's own properties.
DATA, STORE, CHECKPOINTS, MINUTES, IMAGE = "data", "store", "checkpoints", "minutes", "image"
RUNTIME = (STORE, CHECKPOINTS, MINUTES, IMAGE)
# How the files of artefacts come to a node: mirrored by Kubeflow's launcher, or copied by the node.
LAUNCHER, COPY = "launcher", "copy"
KUBEFLOW, VERTEX = "kubeflow", "vertex"
TARGETS = (KUBEFLOW, VERTEX)
# Marks for paths that are known only when a container runs.
STORE_MARK, PACKAGE_MARK = "/@store@", "/@package@"
CHECKPOINTS_MARK = f"{STORE_MARK}/training"
# What a launcher replaces by the whole ExecutorInput.
EXECUTOR_INPUT = "{{$}}"
COMMAND = ("python", "-m", "pipeline.cluster.container")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,126}[a-z0-9])?")
_KINDS: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int,),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
}

Spec = dict[str, Any]


def require_sound(spec: Spec, where: str) -> None:
    """Raises UsageError, with all that is wrong, for a PipelineSpec that no back end could run."""
    try:
        problems = list(_problems(spec))
    except (KeyError, TypeError, AttributeError) as error:
        problems = [f"it is no PipelineSpec of Kubeflow Pipelines v2: {error!r}"]
    if problems:
        raise UsageError(f"{where}: " + f"\n{where}: ".join(problems))


def tasks(spec: Spec) -> Spec:
    """Returns the tasks of the pipeline by name."""
    return spec["root"]["dag"]["tasks"]


def order(spec: Spec) -> list[str]:
    """Returns the names of the tasks, each after those that it depends on."""
    return list(TopologicalSorter(_edges(spec)).static_order())


def behind(spec: Spec) -> dict[str, set[str]]:
    """Returns, for each task, the tasks that wait for it, directly or not."""
    found: dict[str, set[str]] = {name: set() for name in tasks(spec)}
    for name in reversed(order(spec)):
        for before in _edges(spec)[name]:
            found[before] |= {name, *found[name]}
    return found


def parameter_fits(kind: str, value: Any) -> bool:
    """Whether a parameter of type `kind` may hold `value`."""
    return isinstance(value, _KINDS[kind]) and (kind == "BOOLEAN") == isinstance(value, bool)


def _edges(spec: Spec) -> dict[str, list[str]]:
    return {name: sorted(task.get("dependentTasks", [])) for name, task in tasks(spec).items()}


def _problems(spec: Spec) -> Iterator[str]:
    names = [spec["pipelineInfo"]["name"], *tasks(spec)]
    names += [*spec["components"], *spec["deploymentSpec"]["executors"]]
    for name in names:
        if not _NAME.fullmatch(name):
            yield f"'{name}' is no name for Kubernetes: lower case, digits and hyphens"
    unknown = {one for each in _edges(spec).values() for one in each} - set(tasks(spec))
    if unknown:
        yield f"tasks depend on {', '.join(sorted(unknown))}, which there is not"
    try:
        order(spec)
    except CycleError as error:
        yield f"tasks wait for each other: {' -> '.join(error.args[1])}"
    for name, parameter in _root(spec).items():
        if not parameter_fits(parameter["parameterType"], parameter.get("defaultValue", "")):
            yield f"parameter '{name}' is no {parameter['parameterType']}"
    for name, task in tasks(spec).items():
        yield from (f"task '{name}': {problem}" for problem in _of_task(spec, name, task))


def _of_task(spec: Spec, name: str, task: Spec) -> Iterator[str]:
    component = spec["components"].get(task["componentRef"]["name"])
    if component is None:
        yield f"there is no component '{task['componentRef']['name']}'"
        return
    container = spec["deploymentSpec"]["executors"].get(component["executorLabel"], {})
    if not container.get("container", {}).get("image"):
        yield f"its executor '{component['executorLabel']}' has no container with an image"
    if task["taskInfo"]["name"] != name:
        yield f"taskInfo.name is '{task['taskInfo']['name']}'; producers are looked up by it"
    wanted, given = component["inputDefinitions"], task["inputs"]
    for kind in ("artifacts", "parameters"):
        for key in sorted(set(wanted.get(kind, {})) ^ set(given.get(kind, {}))):
            lacks = key in wanted.get(kind, {})
            yield f"'{key}' is {'missing' if lacks else 'not known'} among its {kind}"
    for key, value in given.get("parameters", {}).items():
        if key in wanted.get("parameters", {}):
            yield from _of_parameter(spec, key, wanted["parameters"][key]["parameterType"], value)
    for key, value in given.get("artifacts", {}).items():
        if key in wanted.get("artifacts", {}):
            yield from _of_artifact(spec, task, key, wanted["artifacts"][key], value)


def _of_parameter(spec: Spec, key: str, kind: str, value: Spec) -> Iterator[str]:
    if "componentInputParameter" not in value:
        constant = value["runtimeValue"]["constant"]
        if not parameter_fits(kind, constant):
            yield f"'{key}' is a {kind}, and {constant!r} is none"
        return
    source = value["componentInputParameter"]
    if source not in _root(spec):
        yield f"'{key}' is taken from '{source}', which is no parameter of the pipeline"
    elif _root(spec)[source]["parameterType"] != kind:
        yield f"'{key}' is a {kind}, and the pipeline's '{source}' is not"


def _of_artifact(spec: Spec, task: Spec, key: str, wanted: Spec, value: Spec) -> Iterator[str]:
    source = value["taskOutputArtifact"]
    producer = source["producerTask"]
    if producer not in task.get("dependentTasks", []):
        yield f"'{key}' comes from '{producer}', which it does not wait for"
    made = spec["components"].get(tasks(spec).get(producer, {}).get("componentRef", {}).get("name"))
    outputs = (made or {}).get("outputDefinitions", {}).get("artifacts", {})
    if source["outputArtifactKey"] not in outputs:
        yield f"'{key}' comes from '{producer}', which has no '{source['outputArtifactKey']}'"
    elif outputs[source["outputArtifactKey"]]["artifactType"] != wanted["artifactType"]:
        yield f"'{key}' is not of the type that '{producer}' makes"


def _root(spec: Spec) -> Spec:
    return spec["root"].get("inputDefinitions", {}).get("parameters", {})


def document_text(documents: list[Spec], header: str) -> str:
    """Returns YAML with sorted keys, so that equal pipelines are equal files.

    Args:
      documents: the PipelineSpec, and for Kubeflow what Kubernetes needs.
      header: lines for people, without `#`.
    """
    import yaml

    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())

    class Dumper(yaml.SafeDumper):
        """Writes text of several lines as it is, and the same mapping twice rather than by name."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def block(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, block)
    body = yaml.dump_all(documents, Dumper=Dumper, width=10**6, allow_unicode=True)
    return comment + body


def read_document(path: Path) -> Spec:
    """Returns the PipelineSpec of a file that `text` made.

    Raises:
      UsageError: it is no YAML, no compiled pipeline, or one that does not hold together.
    """
    from trainer import yaml_values

    try:
        documents = yaml_values.load_all(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; make it with 'tuwen compile -o {path}'") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except yaml_values.YamlError as error:
        raise UsageError(f"{path}:{error.line}: not valid YAML: {error.problem}") from None
    specs = [one for one in documents if isinstance(one, dict) and "pipelineInfo" in one]
    if len(specs) != 1:
        raise UsageError(f"{path}: holds no PipelineSpec; make it with 'tuwen compile'")
    require_sound(specs[0], str(path))
    return specs[0]
