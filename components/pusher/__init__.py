"""Pushing of models: whole, under a number that servers take, and once."""
