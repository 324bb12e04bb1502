"""The same settings in the words of Kubeflow and of Vertex."""

import pytest

from pipeline.cluster.settings import (
    ORDINARY,
    ClusterSettings,
    NodeSettings,
    VolumeSettings,
    container_resources,
    gigabytes,
    platform,
    require_target,
    retry_policy,
)
from trainer.settings_loader import SettingsError

GPU = NodeSettings(cpu=4, memory="16Gi", gpus=1, vertex_gpu="NVIDIA_L4").over(ORDINARY)


def test_kubeflow_is_told_twice_for_older_and_newer_back_ends():
    assert container_resources(GPU, "kubeflow") == {
        "cpuLimit": 4.0,
        "memoryLimit": 17.179869184,
        "resourceCpuLimit": "4",
        "resourceMemoryLimit": "16Gi",
        "accelerator": {
            "type": "nvidia.com/gpu",
            "count": "1",
            "resourceType": "nvidia.com/gpu",
            "resourceCount": "1",
        },
    }


def test_vertex_is_told_the_type():
    assert container_resources(GPU, "vertex") == {
        "cpuLimit": 4.0,
        "memoryLimit": 17.179869184,
        "accelerator": {"type": "NVIDIA_L4", "count": "1"},
    }


QUANTITIES = {"1000000000": 1.0, "8G": 8.0, "1Gi": 1.073741824, "500M": 0.5, "4Ki": 4.096e-6}


@pytest.mark.parametrize(("memory", "expected"), QUANTITIES.items())
def test_quantities(memory, expected):
    assert gigabytes(memory) == pytest.approx(expected, rel=1e-12)


def test_retries_wait_longer_each_time():
    policy = retry_policy(NodeSettings(retries=3))
    assert policy["maxRetryCount"] == 3
    assert policy["backoffFactor"] > 1


def test_kubernetes_is_told_of_selectors_and_the_volume():
    cluster = ClusterSettings(
        volume=VolumeSettings("shared", "/mnt/t"),
        nodes={"Trainer.*": NodeSettings(node_selector={"pool": "gpu"})},
    )
    labels = {"Trainer.encoder": "exec-trainer-encoder", "Transform": "exec-transform"}
    found = platform(cluster, labels)["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert found["exec-trainer-encoder"]["nodeSelector"] == {"labels": {"pool": "gpu"}}
    assert "nodeSelector" not in found["exec-transform"]
    assert {one["pvcMount"][0]["constant"] for one in found.values()} == {"shared"}
    assert platform(ClusterSettings(), labels) == {}


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        (ClusterSettings(nodes={"A": NodeSettings(gpus=1)}), "Vertex needs their type"),
        (ClusterSettings(nodes={"A": NodeSettings(node_selector={"a": "b"})}), "node_selector"),
        (ClusterSettings(volume=VolumeSettings("c")), "mounts no volume"),
        (ClusterSettings(pipeline_root="minio://a/b"), "Vertex needs gs://"),
        (ClusterSettings(nodes={"B": NodeSettings()}), "no node is named 'B'"),
    ],
)
def test_vertex_refuses_what_it_has_not(cluster, said):
    with pytest.raises(SettingsError, match=said):
        require_target(cluster, ["A"], "vertex")
    if "B" not in cluster.nodes:
        require_target(cluster, ["A"], "kubeflow")
