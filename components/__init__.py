"""TFX components for captioned pictures and cross-modal models."""

import data  # noqa: F401 - selects TensorFlow's kernels, so it must be imported before TensorFlow
