"""Processors, memory, retries and machines of a node, in each target's words; needs no TFX."""

from __future__ import annotations

import re
from typing import Any

from pipeline.cluster.parameters import KUBEFLOW, VERTEX
from pipeline.cluster.settings import ClusterSettings, NodeSettings
from trainer.settings_loader import SettingsError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
# As Kubeflow's own compiler writes them.
_BACKOFF = {"backoffDuration": "60s", "backoffFactor": 2.0, "backoffMaxDuration": "3600s"}


def require_target(cluster: ClusterSettings, nodes: list[str], target: str) -> None:
    """Raises SettingsError for what `target` cannot give."""
    cluster.require_nodes(nodes)
    if target != VERTEX:
        return
    if cluster.volume is not None:
        raise SettingsError("cluster.volume: Vertex mounts no volume; leave it out")
    if cluster.pipeline_root and not cluster.pipeline_root.startswith("gs://"):
        raise SettingsError(
            f"cluster.pipeline_root = {cluster.pipeline_root!r}: Vertex needs gs://"
        )
    for name in nodes:
        given = cluster.of_node(name)
        if given.gpus and not given.vertex_gpu:
            raise SettingsError(
                f"cluster.nodes: {name} has {given.gpus} GPUs and Vertex needs their type: "
                "set vertex_gpu, such as NVIDIA_TESLA_T4"
            )
        if given.node_selector:
            raise SettingsError(
                f"cluster.nodes: {name} has a node_selector, and Vertex chooses machines by cpu, "
                "memory and vertex_gpu; leave it out with --set"
            )


def container_resources(given: NodeSettings, target: str) -> dict[str, Any]:
    """Returns `resources` of a container spec, for older back ends and newer ones."""
    memory, cpu = str(given.memory), float(given.cpu or 0)
    found: dict[str, Any] = {"cpuLimit": cpu, "memoryLimit": gigabytes(memory)}
    if target == KUBEFLOW:
        found |= {"resourceCpuLimit": f"{cpu:g}", "resourceMemoryLimit": memory}
    if given.gpus:
        kind = given.gpu if target == KUBEFLOW else given.vertex_gpu
        found["accelerator"] = {"type": kind, "count": str(given.gpus)}
        if target == KUBEFLOW:
            newer = {"resourceType": kind, "resourceCount": str(given.gpus)}
            found["accelerator"] |= newer
    return found


def retry_policy(given: NodeSettings) -> dict[str, Any]:
    """Returns `retryPolicy` of a task, with a minute's wait that doubles."""
    return {"maxRetryCount": given.retries, **_BACKOFF}


def platform(cluster: ClusterSettings, executors: dict[str, str]) -> dict[str, Any]:
    """Returns the second document of a pipeline for Kubeflow: what only Kubernetes knows.

    Args:
      cluster: settings.
      executors: label of each node's executor, by the node's name.
    """
    found: dict[str, Any] = {}
    for name, label in executors.items():
        config: dict[str, Any] = {}
        if selector := cluster.of_node(name).node_selector:
            config["nodeSelector"] = {"labels": dict(sorted(selector.items()))}
        if volume := cluster.volume:
            claim = {"runtimeValue": {"constant": volume.claim}}
            mount = {"mountPath": volume.mount, "constant": volume.claim}
            config["pvcMount"] = [mount | {"pvcNameParameter": claim}]
        if config:
            found[label] = config
    spec = {"deploymentSpec": {"executors": found}}
    return {"platforms": {"kubernetes": spec}} if found else {}


def gigabytes(memory: str) -> float:
    """Returns a quantity of Kubernetes in units of 10^9 bytes."""
    match = re.fullmatch(r"([\d.]+)([A-Za-z]*)", memory)
    assert match is not None, memory
    return float(match[1]) * _UNITS[match[2]] / 10**9
