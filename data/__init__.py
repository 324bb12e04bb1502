"""Captioned pictures: the record, sources, generated scenes, checks and preprocessing."""

from data.base import processor

# Every process imports this package before TensorFlow.
processor.prefer_onednn()
