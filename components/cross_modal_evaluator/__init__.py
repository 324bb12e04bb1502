"""Evaluates a run's three models together and blesses or refuses each, with reasons."""
