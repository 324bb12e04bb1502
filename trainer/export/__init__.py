"""SavedModels with preprocessing in the graph, float32 weights, and signatures by task."""
