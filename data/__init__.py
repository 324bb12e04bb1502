"""Captioned images: the contract, the sources, generated scenes, preprocessing."""
