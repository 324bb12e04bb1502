"""Settings, the pipeline graph, its runners and the command line."""
