"""From the TFX pipeline to Kubeflow Pipelines, and back to processes on one machine."""
