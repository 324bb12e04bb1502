"""Pushes models atomically, once, under a version number for servers."""
