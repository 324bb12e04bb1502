"""SavedModels: in-graph preprocessing, float32 weights, signatures by task."""
