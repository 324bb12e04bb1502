"""What a container of the compiled pipeline runs: one executor, fed by Kubeflow's launcher.

    python -m pipeline.cluster.container --node NAME --executor CLASS --interface JSON
        --executor_input JSON [Beam's own options]

Stands in the place of TFX's entry point, which needs the types that open-source Kubeflow does not
pass on, and knows neither its mirrors nor places that are known only at run time.
"""

from __future__ import annotations

import argparse
import json
import posixpath
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.dsl.components.base import base_beam_executor, base_executor
from tfx.orchestration.portable import outputs_utils
from tfx.types import standard_artifacts
from tfx.utils import import_utils, json_utils

from data.base import files
from pipeline import beam_runners
from pipeline.cluster import artefacts
from pipeline.cluster.spec import CHECKPOINTS, COPY, LAUNCHER, MINUTES, RUNTIME, STORE
from pipeline.errors import reason
from pipeline.stages import digest

Artifacts = dict[str, list[types.Artifact]]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one executor; returns 0, or 1 with its reason on the last lines of stderr."""
    arguments, beam = _parser().parse_known_args(argv)
    # Beam and absl read the arguments of the process as their own.
    sys.argv = sys.argv[:1]
    logging.set_verbosity(logging.INFO)
    try:
        run(arguments, beam)
    except Exception as error:
        logging.exception("%s failed", arguments.node)
        print(f"{arguments.node} failed: {reason(error)}", file=sys.stderr)
        return 1
    return 0


def run(arguments: argparse.Namespace, beam: list[str]) -> None:
    """Reads the executor input, runs the executor on local files, writes the executor output."""
    given, interface = json.loads(arguments.executor_input), json.loads(arguments.interface)
    with tempfile.TemporaryDirectory(prefix="tuwen-") as scratch:
        carrier = Carrier(arguments.artifacts, scratch, arguments.by_uri)
        inputs, outputs = given.get("inputs", {}), given["outputs"]
        arriving = carrier.open(inputs.get("artifacts", {}), interface["inputs"], fetch=True)
        leaving = carrier.open(outputs.get("artifacts", {}), interface["outputs"], fetch=False)
        fixed = [
            one["uri"] for each in inputs.get("artifacts", {}).values() for one in listed(each)
        ]
        properties = exec_properties(inputs.get("parameterValues", {}), interface, fixed)
        ready = beam_runners.ready(beam, Path(scratch, "beam"))
        executor = make_executor(arguments.executor, ready, f"{scratch}/work")
        executor.Do(arriving, leaving, properties)
        outputs_utils.tag_output_artifacts_with_version(leaving)
        answer = carrier.close(leaving, outputs.get("artifacts", {}))
    text = json.dumps({"artifacts": answer}, ensure_ascii=False)
    files.write_whole(outputs["outputFile"], text.encode("utf-8"))


def exec_properties(
    values: dict[str, Any], interface: dict[str, Any], inputs: Sequence[str]
) -> dict[str, Any]:
    """Returns what the executor is given from the parameters of the task.

    Args:
      values: by name; those of `RUNTIME` decide about the others and are not passed on.
      interface: `integers` names the parameters that are whole numbers, which JSON does not tell.
      inputs: URIs of the input artefacts: checkpoints of other data must not be gone on with.
    """
    store, checkpoints = values.get(STORE, ""), values.get(CHECKPOINTS, "")
    if store:
        artefacts.require_reachable(store)
    whole = interface["integers"]
    found: dict[str, Any] = {
        key: int(value) if key in whole else artefacts.placed(value, store, checkpoints)
        for key, value in values.items()
        if key not in RUNTIME
    }
    if CHECKPOINTS in values:
        found["custom_config"] = training(found["custom_config"], values.get(MINUTES), inputs)
    return found


def training(custom_config: str, minutes: float | None, inputs: Sequence[str]) -> str:
    """Returns the Trainer's or Tuner's `custom_config` with a budget and a directory of this run.

    A budget that is not the compiled one takes the place of a fixed number of steps too; None
    leaves the training's own.
    """
    config = json_utils.loads(custom_config)
    experiment = json.loads(config["experiment"])
    if minutes not in (None, experiment["training"]["minutes"]):
        experiment["training"] |= {"minutes": minutes, "steps": None}
    config["experiment"] = json.dumps(experiment, sort_keys=True)
    config["resume_dir"] += "-" + digest(sorted(inputs), minutes)
    return json_utils.dumps(config)


def make_executor(class_path: str, beam: list[str], work: str) -> base_executor.BaseExecutor:
    """Returns the executor as TFX's runners make it; `work` is its folder for temporary files."""
    kind = import_utils.import_class_by_path(class_path)
    if issubclass(kind, base_beam_executor.BaseBeamExecutor):
        context: Any = base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=beam, unique_id="1", tmp_dir=work
        )
    else:
        context = base_executor.BaseExecutor.Context(extra_flags=beam, unique_id="1", tmp_dir=work)
    return kind(context)


class Carrier:
    """Between the URIs of artefacts and the files that an executor works on."""

    def __init__(self, way: str, scratch: str, by_uri: bool = False):
        """Chooses the way: `launcher` takes its mirrors, `copy` copies through tf.io.gfile.

        With `by_uri` outputs and examples stay where they are: Beam's workers are elsewhere, and
        see no file of this machine.
        """
        self._way = way
        self._scratch = scratch
        self._by_uri = by_uri
        self._uris: dict[str, str] = {}

    def open(self, given: dict[str, Any], titles: dict[str, str], *, fetch: bool) -> Artifacts:
        """Returns artefacts whose URIs are local; with `fetch` their files are there."""
        found: Artifacts = {}
        for key, each in given.items():
            kind = artefacts.kind_of(titles[key])
            stays = self._by_uri and (not fetch or kind is standard_artifacts.Examples)
            places = [one["uri"] if stays else self._local(one["uri"]) for one in listed(each)]
            found[key] = [
                artefacts.read(kind, one, place)
                for one, place in zip(listed(each), places, strict=True)
            ]
            for artifact in found[key]:
                if fetch and artifact.uri.startswith(self._scratch):
                    artefacts.fetch(self._uris[artifact.uri], artifact.uri)
                elif not fetch:
                    tf.io.gfile.makedirs(artifact.uri)
        return found

    def close(self, made: Artifacts, given: dict[str, Any]) -> dict[str, Any]:
        """Sends what has to be sent; returns `artifacts` of Kubeflow's ExecutorOutput."""
        answer: dict[str, Any] = {}
        for key, artifacts in made.items():
            answer[key] = {"artifacts": []}
            for artifact, one in zip(artifacts, listed(given[key]), strict=True):
                if artifact.uri.startswith(self._scratch):
                    artefacts.send(artifact.uri, one["uri"])
                elif self._by_uri and files.is_remote(artifact.uri):
                    artefacts.finish(artifact.uri)
                said = {name: self._remote(v) for name, v in artefacts.metadata(artifact).items()}
                name = {"name": one["name"]} if one.get("name") else {}
                answer[key]["artifacts"].append(name | {"uri": one["uri"], "metadata": said})
        return answer

    def _local(self, uri: str) -> str:
        if not files.is_remote(uri):
            return uri
        if self._way == LAUNCHER and artefacts.mirror(uri) != uri:
            local = artefacts.mirror(uri)
        else:
            local = posixpath.join(self._scratch, "artifacts", uri.replace("://", "/", 1))
        self._uris[local] = uri
        return local

    def _remote(self, value: Any) -> Any:
        """Other pods know a file by its URI alone."""
        if not isinstance(value, str):
            return value
        for local, uri in self._uris.items():
            if value == local or value.startswith(f"{local}/"):
                return uri + value.removeprefix(local)
        return value


def listed(artifact_list: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the artefacts of Kubeflow's ArtifactList, which may be empty."""
    return artifact_list.get("artifacts", [])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False, description=__doc__)
    parser.add_argument("--node", required=True, help="the node's name, for messages")
    parser.add_argument("--executor", required=True, help="dotted path of the executor's class")
    parser.add_argument("--interface", required=True, help="types of artefacts and parameters")
    parser.add_argument("--executor_input", required=True, help="Kubeflow's ExecutorInput")
    parser.add_argument("--by_uri", action="store_true", help="Beam's workers are elsewhere")
    parser.add_argument("--artifacts", choices=(LAUNCHER, COPY), default=LAUNCHER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
