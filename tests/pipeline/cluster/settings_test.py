"""What may be asked of a cluster, and what is refused before anything is compiled."""

import pytest

from pipeline.cluster.settings import ClusterSettings, NodeSettings, VolumeSettings
from trainer.settings_loader import SettingsError, from_mapping

DIGEST = "sha256:" + "0f" * 32


def read(**values):
    return from_mapping(ClusterSettings, values, "a.yaml", "cluster.")


@pytest.mark.parametrize(
    "image",
    ["tuwen:0.1.0", "localhost:5000/tuwen:dev", "ghcr.io/a/b_c/tuwen:1", f"gcr.io/p/t@{DIGEST}"],
)
def test_an_image_with_tag_or_digest_is_taken(image):
    assert read(image=image).image == image


@pytest.mark.parametrize(
    "image",
    [
        "tuwen",
        "localhost:5000/tuwen",
        "Tuwen:1",
        "tuwen: 1",
        "https://ghcr.io/tuwen:1",
        "tuwen:1@sha256:12",
        "tuwen:",
    ],
)
def test_a_wrong_image_is_refused(image):
    with pytest.raises(SettingsError, match=r"image = .*registry/name:tag"):
        read(image=image)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"memory": "8 gigs"}, r"nodes\.Transform\.memory = '8 gigs'"),
        ({"cpu": 0}, r"cpu = 0\.0"),
        ({"gpu": "nvidia"}, r"gpu = 'nvidia'.*nvidia\.com/gpu"),
        ({"vertex_gpu": "NVIDIA_T4"}, r"vertex_gpu = 'NVIDIA_T4'.*NVIDIA_TESLA_T4"),
        ({"gpus": -1}, r"gpus = -1"),
        ({"retries": -1}, r"retries = -1"),
        ({"disk": "10Gi"}, r"unknown key 'cluster\.nodes\.Transform\.disk'"),
    ],
)
def test_an_unknown_resource_is_refused_by_name(values, said):
    with pytest.raises(SettingsError, match=said):
        read(nodes={"Transform": values})


@pytest.mark.parametrize("memory", ["8Gi", "512Mi", "1.5G", "2000000000"])
def test_a_quantity_of_kubernetes_is_taken(memory):
    assert NodeSettings(memory=memory).memory == memory


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"store": "gs://a b"}, "store = 'gs://a b'"),
        ({"store": 'gs://a"b'}, "without blanks, quotes or braces"),
        ({"store": "minio://bucket/x"}, "known to Kubeflow alone"),
        ({"store": "runs"}, "an absolute path"),
        ({"checkpoints": "gs://bucket/x"}, "a folder, on the volume"),
        ({"env": {"A-B": "1"}}, "env = 'A-B'"),
        ({"volume": {"claim": ""}}, "claim = ''"),
        ({"volume": {"claim": "c", "mount": "data"}}, "mount = 'data'"),
    ],
)
def test_a_wrong_place_is_refused(values, said):
    with pytest.raises(SettingsError, match=said):
        read(**values)


def test_artefacts_may_go_to_minio():
    root = "minio://mlpipeline/tuwen"
    assert read(pipeline_root=root, store="/mnt/tuwen").pipeline_root == root


def test_the_later_pattern_has_the_last_word_and_keeps_what_it_does_not_say():
    cluster = read(
        nodes={
            "*": {"memory": "4Gi", "retries": 5},
            "Trainer.*": {"gpus": 1, "memory": "16Gi"},
            "Trainer.encoder": {"gpus": 2},
        }
    )
    encoder = cluster.of_node("Trainer.encoder")
    assert (encoder.gpus, encoder.memory, encoder.retries, encoder.cpu) == (2, "16Gi", 5, 2.0)
    assert cluster.of_node("Trainer.generator").gpus == 1
    assert cluster.of_node("Transform").gpus == 0


def test_a_pattern_without_a_node_is_refused():
    cluster = ClusterSettings(nodes={"Trainer.*": NodeSettings(), "Treiner": NodeSettings()})
    with pytest.raises(SettingsError, match=r"no node is named 'Treiner'.*Trainer\.encoder"):
        cluster.require_nodes(["Trainer.encoder", "Transform"])
    ClusterSettings(nodes={"Trainer.*": NodeSettings()}).require_nodes(["Trainer.encoder"])


def test_a_volume_has_a_place():
    assert read(volume={"claim": "shared"}).volume == VolumeSettings("shared", "/mnt/tuwen")
