"""Checks captioned pictures before training: statistics and findings."""
