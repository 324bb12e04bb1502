"""TFX components for captioned images and cross-modal models."""

import data  # noqa: F401 - chooses the kernels of TensorFlow before it is imported
