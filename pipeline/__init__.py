"""Settings, the pipeline graph, its runners and the command line."""

import data  # noqa: F401 - chooses the kernels of TensorFlow before it is imported
