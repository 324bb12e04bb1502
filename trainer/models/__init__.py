"""Keras models: encoder, captioner, generators, posterior, discriminators."""
