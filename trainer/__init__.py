"""Models, losses, training, metrics and export."""

import data  # noqa: F401 - selects TensorFlow's kernels, so it must be imported before TensorFlow
