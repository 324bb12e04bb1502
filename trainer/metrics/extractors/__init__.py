"""From pictures to feature vectors; the only part of the metrics that needs TensorFlow."""
