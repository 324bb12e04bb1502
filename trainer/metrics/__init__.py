"""Metrics of pictures, captions and their agreement; usable alone."""
