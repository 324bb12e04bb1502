"""Names that the compiled pipeline and the processes in its containers share; needs no TFX."""

from __future__ import annotations

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
