"""The recipes for TensorFlow Serving and KServe hold what those read, and fit each other."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from pipeline.server import config
from pipeline.work_dir import MODELS

SERVING = Path(__file__).resolve().parents[3] / "docs" / "serving"
TFSERVING, KSERVE = SERVING / "tfserving", SERVING / "kserve"
INT64, BOOL, STRING, MESSAGE = 3, 8, 9, 11
# Fields of TensorFlow Serving's BatchingParameters and MonitoringConfig, whose Python classes are
# not published: type by name; a * repeats, and what is wrapped stands in `value`.
FIELDS = {
    "Int64Value": {"value": INT64},
    "StringValue": {"value": STRING},
    "BatchingParameters": {
        "max_batch_size": "Int64Value",
        "batch_timeout_micros": "Int64Value",
        "max_enqueued_batches": "Int64Value",
        "num_batch_threads": "Int64Value",
        "thread_pool_name": "StringValue",
        "allowed_batch_sizes*": INT64,
        "pad_variable_length_inputs": BOOL,
    },
    "PrometheusConfig": {"enable": BOOL, "path": STRING},
    "MonitoringConfig": {"prometheus_config": "PrometheusConfig"},
}
TEXT = {"type": "string"}
NAMED = {"type": "object", "additionalProperties": TEXT}
QUANTITIES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"cpu": TEXT, "memory": TEXT},
}


def strict(required: str = "", **properties: object) -> dict[str, object]:
    """The schema of an object with these properties and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


# What the manifests use of KServe's InferenceService, serving.kserve.io/v1beta1.
SERVICE = strict(
    "apiVersion kind metadata spec",
    apiVersion={"const": "serving.kserve.io/v1beta1"},
    kind={"const": "InferenceService"},
    metadata=strict(
        "name", name={"pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"}, labels=NAMED, annotations=NAMED
    ),
    spec=strict(
        "predictor",
        predictor=strict(
            "model",
            minReplicas={"type": "integer", "minimum": 0},
            maxReplicas={"type": "integer", "minimum": 1},
            scaleMetric={"enum": ["cpu", "memory", "concurrency", "rps"]},
            scaleTarget={"type": "integer", "minimum": 1},
            timeout={"type": "integer"},
            volumes={"items": strict("name", name=TEXT, configMap=strict("name", name=TEXT))},
            model=strict(
                "modelFormat storageUri",
                modelFormat=strict(
                    "name", name={"const": "tensorflow"}, version={"enum": ["1", "2"]}
                ),
                protocolVersion={"enum": ["v1", "grpc-v1"]},
                runtimeVersion=TEXT,
                storageUri={"pattern": "^(pvc|s3|gs|https)://"},
                args={"items": TEXT},
                volumeMounts={
                    "items": strict(
                        "name mountPath", name=TEXT, mountPath=TEXT, readOnly={"type": "boolean"}
                    )
                },
                resources=strict(requests=QUANTITIES, limits=QUANTITIES),
            ),
        ),
    ),
)


@pytest.fixture(scope="module")
def message():
    """A function: name and text of a message in `FIELDS` -> the parsed message."""
    file = descriptor_pb2.FileDescriptorProto(
        name="recipes.proto", package="recipes", syntax="proto3"
    )
    for name, fields in FIELDS.items():
        made = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            is_message = isinstance(kind, str)
            made.field.add(
                name=field.rstrip("*"),
                number=number,
                label=3 if field.endswith("*") else 1,
                type=MESSAGE if is_message else kind,
                type_name=f".recipes.{kind}" if is_message else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    # protobuf 3 has it under another name.
    made = getattr(message_factory, "GetMessageClass", None)
    made = made or message_factory.MessageFactory(pool).GetPrototype

    def parse(name, text):
        found = pool.FindMessageTypeByName(f"recipes.{name}")
        return text_format.Parse(text, made(found)())

    return parse


@pytest.fixture(scope="module")
def compose():
    text = (TFSERVING / "compose.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["services"]["tfserving"]


@pytest.fixture(scope="module")
def services():
    listed = yaml.safe_load((KSERVE / "models.yaml").read_text(encoding="utf-8"))
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    return listed["items"]


def test_the_models_config_is_read_with_both_labels():
    found = config.from_file(TFSERVING / "models.config")
    assert [model.name for model in found] == sorted(MODELS)
    for model in found:
        assert set(model.labels) == {config.STABLE, config.CANARY}
        assert set(model.labels.values()) <= set(model.versions)
        assert model.base == Path("/models") / model.name


def test_the_batch_sizes_end_in_the_largest(message):
    read = message(
        "BatchingParameters", (TFSERVING / "batching.config").read_text(encoding="utf-8")
    )
    sizes = list(read.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    assert sizes[0] == 1
    assert sizes[-1] == read.max_batch_size.value
    assert read.num_batch_threads.value > 0 and read.max_enqueued_batches.value > 0


@pytest.mark.parametrize(
    ("file", "path"),
    [
        (TFSERVING / "monitoring.config", "/monitoring/prometheus/metrics"),
        (KSERVE / "monitoring.config", "/metrics"),
    ],
)
def test_metrics_are_where_they_are_looked_for(message, file, path):
    read = message("MonitoringConfig", file.read_text(encoding="utf-8")).prometheus_config
    assert (read.enable, read.path) == (True, path)


def test_compose_and_image_start_the_server_alike(compose):
    text = (TFSERVING / "Dockerfile").read_text(encoding="utf-8")
    (command,) = re.findall(r"^CMD (\[.*\])", text.replace("\\\n", ""), re.MULTILINE)
    in_image = set(yaml.safe_load(command))
    assert in_image <= set(compose["command"])
    assert set(compose["command"]) - in_image == {"--model_config_file_poll_wait_seconds=30"}
    (tag,) = re.findall(r"^ARG TAG=(\S+)$", text, re.MULTILINE)
    assert compose["image"] == f"tensorflow/serving:${{TAG:-{tag}}}"


def test_the_files_that_the_server_is_given_are_there(compose):
    named = [word.partition("=/config/")[2] for word in compose["command"] if "=/config/" in word]
    assert sorted(named) == ["batching.config", "models.config", "monitoring.config"]
    (copied,) = re.findall(
        r"^COPY ((?:\S+ )+)/config/$",
        (TFSERVING / "Dockerfile").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert sorted(copied.split()) == sorted(named)
    assert all((TFSERVING / name).is_file() for name in named)


def test_the_dockerfile_has_known_instructions_in_a_valid_order():
    lines = (TFSERVING / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    words = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    assert words[:2] == ["ARG", "FROM"]
    assert set(words) <= {"ARG", "FROM", "COPY", "EXPOSE", "USER", "CMD"}
    assert words.count("CMD") == 1


def test_every_model_is_a_valid_service_without_a_transformer(services):
    assert sorted(service["metadata"]["name"] for service in services) == sorted(MODELS)
    for service in services:
        jsonschema.validate(service, SERVICE)
        assert service["spec"]["predictor"]["model"]["storageUri"].endswith(
            f"/serving/{service['metadata']['name']}"
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda service: service["spec"].update(transfomer={}),
        lambda service: service["spec"]["predictor"].update(scaleMetric="requests"),
        lambda service: service["spec"]["predictor"]["model"].pop("storageUri"),
        lambda service: service["spec"]["predictor"]["model"].update(runtimeVersion=2.19),
    ],
)
def test_the_schema_finds(services, change):
    broken = yaml.safe_load(yaml.safe_dump(services[0]))
    change(broken)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SERVICE)


def test_a_service_finds_its_configuration(services):
    for service in services:
        predictor = service["spec"]["predictor"]
        (mount,) = predictor["model"]["volumeMounts"]
        assert [volume["name"] for volume in predictor["volumes"]] == [mount["name"]]
        files = [word.partition("=")[2] for word in predictor["model"]["args"] if "_file=" in word]
        assert files == [
            f"{mount['mountPath']}/{name}.config" for name in ("batching", "monitoring")
        ]
        cores = int(predictor["model"]["resources"]["limits"]["cpu"])
        assert predictor["scaleTarget"] == cores
