"""What a cluster gives to the nodes: image, places, processors; and the same for each target.

Needs no TFX.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Any

from pipeline.cluster.spec import KUBEFLOW, VERTEX
from trainer.settings_loader import SettingsError, require

# A registry with an optional port, lower-case path parts, and a tag or a digest or both.
_IMAGE = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9._-]+(?:/[a-z0-9._-]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_MEMORY = re.compile(r"\d+(?:\.\d+)?(?:[KMGT]i?)?")
# <domain>/<resource>, as device plugins announce themselves to Kubernetes.
_EXTENDED = re.compile(r"[a-z0-9.-]+\.[a-z]+/[a-zA-Z0-9._-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What `placing` puts between a place and what it holds must not end the text or the JSON around it.
_PLACE = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?[^\s\"'\\{}]*")
VERTEX_GPUS = (
    "NVIDIA_TESLA_T4",
    "NVIDIA_TESLA_V100",
    "NVIDIA_TESLA_P100",
    "NVIDIA_L4",
    "NVIDIA_TESLA_A100",
    "NVIDIA_A100_80GB",
    "NVIDIA_H100_80GB",
)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
# As Kubeflow's own compiler writes them.
_BACKOFF = {"backoffDuration": "60s", "backoffFactor": 2.0, "backoffMaxDuration": "3600s"}


@dataclass(frozen=True)
class NodeSettings:
    """What one node, or all nodes that a pattern fits, are given; null leaves what was said before.

    Attributes:
      cpu: cores.
      memory: bytes, or a number with K, M, G, T or Ki, Mi, Gi, Ti.
      gpus: how many; 0 for none.
      gpu: the resource that Kubernetes counts them as, `nvidia.com/gpu` or another.
      vertex_gpu: the accelerator's type on Vertex, such as `NVIDIA_TESLA_T4`.
      node_selector: labels that a machine must have; Kubeflow only.
      retries: how often a failed node is started again.
      cache: whether the outputs of an equal earlier execution are taken.
    """

    cpu: float | None = None
    memory: str | None = None
    gpus: int | None = None
    gpu: str | None = None
    vertex_gpu: str | None = None
    node_selector: dict[str, str] | None = None
    retries: int | None = None
    cache: bool | None = None

    def __post_init__(self) -> None:
        require(self.cpu is None or self.cpu > 0, "cpu", self.cpu, "more than 0 cores")
        fits = self.memory is None or _MEMORY.fullmatch(self.memory) is not None
        require(fits, "memory", self.memory, "bytes, or a number with K, M, G, T, Ki, Mi, Gi, Ti")
        require(self.gpus is None or self.gpus >= 0, "gpus", self.gpus, "0 or more")
        known = self.gpu is None or _EXTENDED.fullmatch(self.gpu) is not None
        require(known, "gpu", self.gpu, "a resource of Kubernetes such as nvidia.com/gpu")
        accelerator = self.vertex_gpu is None or self.vertex_gpu in VERTEX_GPUS
        require(accelerator, "vertex_gpu", self.vertex_gpu, f"one of {', '.join(VERTEX_GPUS)}")
        require(self.retries is None or self.retries >= 0, "retries", self.retries, "0 or more")

    def over(self, below: NodeSettings) -> NodeSettings:
        """Returns `below` with what is said here in its place."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(below, **{key: value for key, value in said.items() if value is not None})


# Of every node of which `cluster.nodes` says nothing else.
ORDINARY = NodeSettings(cpu=2.0, memory="8Gi", gpus=0, gpu="nvidia.com/gpu", retries=2, cache=True)


@dataclass(frozen=True)
class VolumeSettings:
    """A volume that all pods see; Kubeflow only.

    Attributes:
      claim: name of the PersistentVolumeClaim, of access mode ReadWriteMany.
      mount: where its files appear in every pod.
    """

    claim: str
    mount: str = "/mnt/tuwen"

    def __post_init__(self) -> None:
        require(bool(self.claim), "claim", self.claim, "the name of a PersistentVolumeClaim")
        require(self.mount.startswith("/"), "mount", self.mount, "an absolute path")


@dataclass(frozen=True)
class ClusterSettings:
    """How the nodes run on Kubeflow Pipelines or Vertex.

    Attributes:
      image: of all nodes, with a tag or a digest.
      store: where pushed models, figures and the report go, and where the last pushed models are
        looked for: `gs://bucket/folder`, or a folder on the volume.
      pipeline_root: where artefacts go; empty is `artifacts` in the store. With Kubeflow's own
        MinIO it is `minio://mlpipeline/...`.
      checkpoints: a folder, on the volume, in which trainings go on after a lost pod; empty is
        `training` in the store if that is a folder, or else the pod's own disk.
      volume: mounted in every pod; null mounts none.
      env: variables of every container.
      nodes: what nodes are given, by the node's name or a pattern such as `Trainer.*`; where
        several fit, the later one has the last word.
    """

    image: str = ""
    store: str = ""
    pipeline_root: str = ""
    checkpoints: str = ""
    volume: VolumeSettings | None = None
    env: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, NodeSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.image:
            require_image(self.image)
        for key in ("store", "pipeline_root", "checkpoints"):
            place = getattr(self, key)
            fits = _PLACE.fullmatch(place) is not None
            require(fits, key, place, "a URI or an absolute path without blanks, quotes or braces")
        for key in ("store", "checkpoints"):
            _require_written_by_nodes(key, getattr(self, key))
        local = "://" not in self.checkpoints
        require(local, "checkpoints", self.checkpoints, "a folder, on the volume")
        for name in self.env:
            legal = _VARIABLE.fullmatch(name) is not None
            require(legal, "env", name, "letters, digits and _, no digit first")

    def of_node(self, name: str) -> NodeSettings:
        """Returns what the node `name` is given."""
        given = ORDINARY
        for pattern, said in self.nodes.items():
            if fnmatchcase(name, pattern):
                given = said.over(given)
        return given

    def require_nodes(self, names: Iterable[str]) -> None:
        """Raises SettingsError for a pattern in `nodes` that fits none of `names`."""
        known = list(names)
        for pattern in self.nodes:
            if not any(fnmatchcase(name, pattern) for name in known):
                raise SettingsError(
                    f"cluster.nodes: no node is named '{pattern}'. There are {', '.join(known)}"
                )


def require_image(image: str) -> None:
    """Raises SettingsError unless `image` names one image, with a tag or a digest."""
    last = image.rpartition("/")[2]
    exact = _IMAGE.fullmatch(image) is not None and (":" in last or "@" in last)
    allowed = "registry/name:tag or registry/name@sha256:..., in lower case before the tag"
    require(exact, "image", image, allowed)


def _require_written_by_nodes(key: str, place: str) -> None:
    """Nodes write there themselves, unlike artefacts, which Kubeflow carries."""
    minio = place.startswith("minio://")
    allowed = "gs:// or a folder on the volume; minio:// is known to Kubeflow alone (pipeline_root)"
    require(not minio, key, place, allowed)
    absolute = not place or "://" in place or place.startswith("/")
    require(absolute, key, place, "a URI such as gs://bucket/folder, or an absolute path")


_UNITS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


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
