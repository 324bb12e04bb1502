"""Evaluates an encoder, a captioner and a generator through their SavedModel signatures only."""
