"""Models, losses, training, metrics and export."""

import data  # noqa: F401 - chooses the kernels of TensorFlow before it is imported
