"""What Kubeflow's driver and launcher do for one task: inputs, placeholders, outputs. Needs no TFX.

Artefacts go from task to task as the back end keeps them: a name, a URI and a flat mapping.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.base.files import read_json
from pipeline.cluster.spec import EXECUTOR_INPUT, IMAGE, parameter_fits, tasks
from pipeline.errors import RunError, UsageError
from pipeline.stages import digest

Spec = dict[str, Any]
# Of each task: its output artefacts by key, each `{"name", "uri", "metadata"}`.
Produced = dict[str, dict[str, Spec]]
OUTPUT_FILE = "executor_output.json"
RESULT_FILE = "outputs.json"


@dataclass(frozen=True)
class Launch:
    """One task with all that decides what it will make.

    Attributes:
      task: its name in the pipeline.
      parameters: by name, as the container is given them.
      inputs: artefacts by key.
      outputs: title of each output's type, by key.
      container: of its executor.
      root: the folder under which tasks leave their outputs.
    """

    task: str
    parameters: Spec
    inputs: dict[str, Spec]
    outputs: dict[str, str]
    container: Spec
    root: Path

    @property
    def fingerprint(self) -> str:
        """Equal as long as command, image, parameters and inputs are."""
        container = {key: self.container.get(key) for key in ("command", "args", "image", "env")}
        inputs = {key: [one["uri"], one["metadata"]] for key, one in self.inputs.items()}
        return digest(container, self.parameters, inputs)

    @property
    def place(self) -> Path:
        """Where the outputs are once they are whole."""
        return self.root / self.task / self.fingerprint

    @property
    def draft(self) -> Path:
        """Where outputs are written: a node that outlives its run spoils nothing of the next."""
        return self._drafts / str(os.getpid())

    @property
    def _drafts(self) -> Path:
        return self.root / ".partial" / f"{self.task}-{self.fingerprint}"

    def kept(self) -> dict[str, Spec] | None:
        """Returns the outputs of an equal execution that finished, if there was one."""
        result = self.place / RESULT_FILE
        if not result.is_file():
            return None
        outputs = read_json(str(result), f"Delete {self.place}; the task then runs again.")
        # The directory may have been moved or copied since.
        return {key: one | {"uri": str(self.place / key)} for key, one in outputs.items()}

    def command(self) -> list[str]:
        """Returns the container's command with its placeholders replaced."""
        given = json.dumps(self._executor_input(), ensure_ascii=False)
        values = {f"{{{{$.inputs.parameters['{k}']}}}}": str(v) for k, v in self.parameters.items()}
        words = [*self.container["command"], *self.container.get("args", [])]
        # A word is one placeholder or none: nothing inside of what was put in is replaced again.
        return [given if word == EXECUTOR_INPUT else values.get(word, word) for word in words]

    def begin(self) -> None:
        """Makes an empty folder for the outputs, and removes what earlier attempts left."""
        shutil.rmtree(self._drafts, ignore_errors=True)
        self.draft.mkdir(parents=True)

    def publish(self) -> dict[str, Spec]:
        """Puts the outputs in their place by one rename; returns them.

        Raises:
          RunError: the container left no executor output.
        """
        try:
            answer = json.loads((self.draft / OUTPUT_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"it left no executor output: {error}") from None
        outputs = {}
        for key in self.outputs:
            said = answer.get("artifacts", {}).get(key, {}).get("artifacts", [{}])[0]
            uri = str(self.place / key)
            outputs[key] = {"uri": uri, "metadata": said.get("metadata", {})}
        (self.draft / RESULT_FILE).write_text(json.dumps(outputs, ensure_ascii=False), "utf-8")
        self.place.parent.mkdir(parents=True, exist_ok=True)
        self.draft.rename(self.place)
        shutil.rmtree(self._drafts, ignore_errors=True)
        return outputs

    def _executor_input(self) -> Spec:
        inputs = {key: {"artifacts": [one]} for key, one in self.inputs.items()}
        outputs = {
            key: {"artifacts": [{"uri": str(self.draft / key), "type": {"schemaTitle": title}}]}
            for key, title in self.outputs.items()
        }
        return {
            "inputs": {"artifacts": inputs, "parameterValues": self.parameters},
            "outputs": {"artifacts": outputs, "outputFile": str(self.draft / OUTPUT_FILE)},
        }


def prepare(spec: Spec, name: str, values: Spec, produced: Produced, root: Path) -> Launch:
    """Returns the launch of a task all of whose producers have finished.

    Args:
      spec: the whole pipeline.
      name: of the task.
      values: the pipeline's parameters.
      produced: outputs of the tasks before it.
      root: where outputs go.
    """
    task = tasks(spec)[name]
    component = spec["components"][task["componentRef"]["name"]]
    parameters = {
        key: values[value["componentInputParameter"]]
        if "componentInputParameter" in value
        else value["runtimeValue"]["constant"]
        for key, value in task["inputs"].get("parameters", {}).items()
    }
    sources = {
        key: value["taskOutputArtifact"]
        for key, value in task["inputs"].get("artifacts", {}).items()
    }
    inputs = {
        key: produced[one["producerTask"]][one["outputArtifactKey"]] for key, one in sources.items()
    }
    made = component["outputDefinitions"].get("artifacts", {})
    outputs = {key: one["artifactType"]["schemaTitle"] for key, one in made.items()}
    container = dict(spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"])
    container["image"] = values.get(IMAGE, container["image"])
    return Launch(name, parameters, inputs, outputs, container, root)


def pipeline_parameters(spec: Spec, given: Mapping[str, Any]) -> Spec:
    """Returns the value of each of the pipeline's parameters.

    Args:
      spec: the whole pipeline.
      given: values in place of defaults.

    Raises:
      UsageError: one is not known, missing, or of another type.
    """
    known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name in given:
        if name not in known:
            raise UsageError(f"--parameter {name}: the pipeline has {', '.join(sorted(known))}")
    values = {}
    for name, one in known.items():
        if name not in given and "defaultValue" not in one:
            raise UsageError(f"--parameter {name}: the pipeline needs it, and has no default")
        values[name] = given.get(name, one.get("defaultValue"))
        if not parameter_fits(one["parameterType"], values[name]):
            raise UsageError(f"--parameter {name}={values[name]}: not a {one['parameterType']}")
    return values
