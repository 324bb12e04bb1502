"""One stage's training as a TFJob of Kubeflow's Training Operator; needs no TFX.

All pods run `tuwen train` with the same settings on the same volume. The operator gives each its
TF_CONFIG, and MultiWorkerMirroredStrategy does the rest. A worker that loses another ends with an
error, and `restartPolicy: OnFailure` starts both again: they go on from the last checkpoint.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.cluster.settings import ClusterSettings, NodeSettings
from pipeline.errors import UsageError
from pipeline.settings import Settings
from trainer.config import STAGES
from trainer.settings_loader import require_one_of, to_mapping

Spec = dict[str, Any]
SETTINGS_FOLDER, SETTINGS_FILE = "/etc/tuwen", "settings.yaml"
# The container that the operator gives TF_CONFIG must have this name.
CONTAINER = "tensorflow"


def compile_job(settings: Settings, stage: str, workers: int) -> list[Spec]:
    """Returns a ConfigMap with the settings, and the TFJob that trains by them.

    Args:
      settings: of the run; `cluster` with image, store and a volume that holds the store.
      stage: `encoder`, `captioner` or `generator`; the later two start from the encoder that a job
        with the same store has trained.
      workers: pods, each with the GPUs that `cluster.nodes` gives `Trainer.<stage>`.

    Raises:
      UsageError, SettingsError: the settings do not fit a training by that many.
    """
    require_one_of("--train-job", stage, STAGES)
    cluster, given = settings.cluster, settings.cluster.of_node(f"Trainer.{stage}")
    require_shared_store(cluster)
    require_equal_parts(settings, stage, workers * max(1, given.gpus or 0))
    training = replace(settings.training, strategy="multi_worker", devices=None)
    name = f"{settings.name.replace('_', '-').lower()}-{stage}"
    kept = replace(settings, training=training)
    return [_config_map(name, kept), _job(name, settings, stage, workers, given)]


def require_shared_store(cluster: ClusterSettings) -> None:
    """Raises UsageError unless checkpoints and models go to a volume that all workers see."""
    mount = cluster.volume.mount.rstrip("/") if cluster.volume else ""
    if not mount:
        raise UsageError(
            "no volume for checkpoints, which all workers read and the chief writes: set "
            "cluster.volume={claim: NAME} to a PersistentVolumeClaim of mode ReadWriteMany"
        )
    if not f"{cluster.store}/".startswith(f"{mount}/"):
        raise UsageError(
            f"store = {cluster.store!r} is not on the volume: a train job needs a folder below "
            f"{mount}, such as --store {mount}/tuwen"
        )


def require_equal_parts(settings: Settings, stage: str, devices: int) -> None:
    """Raises UsageError unless every device gets as many rows of a batch."""
    batch, parts = getattr(settings, stage).batch_size, settings.training.accumulate
    if batch % (devices * parts):
        raise UsageError(
            f"{stage}.batch_size = {batch} is that of all devices together, and no multiple of "
            f"their number times training.accumulate ({devices} x {parts}): change --workers, the "
            f"gpus of Trainer.{stage}, or --set {stage}.batch_size={devices * parts}"
        )


def _config_map(name: str, settings: Settings) -> Spec:
    import yaml

    text = yaml.safe_dump(to_mapping(settings), allow_unicode=True, sort_keys=True)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"{name}-settings"},
        "data": {SETTINGS_FILE: text},
    }


def _job(name: str, settings: Settings, stage: str, workers: int, given: NodeSettings) -> Spec:
    cluster = settings.cluster
    worker = {
        "replicas": workers,
        # A killed pod and those that lost it start again, and meet at their old addresses.
        "restartPolicy": "OnFailure",
        "template": {"spec": _pod(name, cluster, _command(settings, stage), given)},
    }
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "TFJob",
        "metadata": {"name": name},
        "spec": {
            # Each lost worker costs a restart of all.
            "runPolicy": {
                "cleanPodPolicy": "Running",
                "backoffLimit": (given.retries or 0) * workers,
            },
            "tfReplicaSpecs": {"Worker": worker},
        },
    }


def _command(settings: Settings, stage: str) -> list[str]:
    work = f"{settings.cluster.store.rstrip('/')}/{settings.name}"
    file = f"{SETTINGS_FOLDER}/{SETTINGS_FILE}"
    return ["tuwen", "train", file, "--stage", stage, "--work", work]


def _pod(name: str, cluster: ClusterSettings, command: list[str], given: NodeSettings) -> Spec:
    volume = cluster.volume
    assert volume is not None
    limits: Spec = {"cpu": f"{given.cpu:g}", "memory": given.memory}
    if given.gpus:
        limits[str(given.gpu)] = given.gpus
    container: Spec = {
        "name": CONTAINER,
        "image": cluster.image,
        "command": command,
        "resources": {"limits": limits},
        "volumeMounts": [
            {"name": "settings", "mountPath": SETTINGS_FOLDER, "readOnly": True},
            {"name": "shared", "mountPath": volume.mount},
        ],
    }
    if cluster.env:
        container["env"] = [{"name": one, "value": cluster.env[one]} for one in sorted(cluster.env)]
    pod: Spec = {
        "containers": [container],
        "volumes": [
            {"name": "settings", "configMap": {"name": f"{name}-settings"}},
            {"name": "shared", "persistentVolumeClaim": {"claimName": volume.claim}},
        ],
    }
    if given.node_selector:
        pod["nodeSelector"] = dict(sorted(given.node_selector.items()))
    return pod
