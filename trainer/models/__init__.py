"""Keras models; each file is one system."""
