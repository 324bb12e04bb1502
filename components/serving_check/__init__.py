"""Loads an exported model in a fresh process and replays real requests."""
