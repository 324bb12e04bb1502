"""Captioned images: the contract, the sources, generated scenes, preprocessing."""

from data.base import processor

# Every process that computes imports this package first, and TensorFlow after it.
processor.prefer_onednn()
