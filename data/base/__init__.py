"""Shared helpers: files, errors, terminal text, TensorFlow graphs and records."""
