"""Judges an encoder, a captioner and a generator together, through their SavedModels alone."""
