"""Reads a compiled pipeline with Kubeflow's own SDK and protos, and says what it found as JSON.

Runs under the interpreter of `make kfp`, by kfp_test.py.
"""

import json
import sys

import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

path = sys.argv[1]
with open(path, encoding="utf-8") as file:
    documents = list(yaml.safe_load_all(file))
# Fields that the published protos do not know are errors here.
spec = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
deployment = json_format.ParseDict(
    documents[0]["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig()
)
selectors, claims = {}, {}
for document in documents[1:]:
    json_format.ParseDict(document, pipeline_spec_pb2.PlatformSpec())
    executors = document["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for label, values in executors.items():
        config = json_format.ParseDict(
            values, kubernetes_executor_config_pb2.KubernetesExecutorConfig()
        )
        selectors[label] = dict(config.node_selector.labels)
        claims[label] = [mount.constant for mount in config.pvc_mount]
loaded = components.load_component_from_file(path)
tasks, accelerators = spec.root.dag.tasks, {}
for label, executor in deployment.executors.items():
    found = executor.container.resources.accelerator
    if found.count:
        accelerators[label] = [found.type, found.count]
print(
    json.dumps(
        {
            "name": loaded.name,
            "tasks": sorted(tasks),
            "inputs": {
                key: [one.type, one.default]
                for key, one in (loaded.component_spec.inputs or {}).items()
            },
            "accelerators": accelerators,
            "retries": sorted(
                {t.retry_policy.max_retry_count for t in spec.root.dag.tasks.values()}
            ),
            "selectors": selectors,
            "claims": claims,
            "images": sorted({e.container.image for e in deployment.executors.values()}),
        }
    )
)
