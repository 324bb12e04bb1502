"""The TFX Tuner, with a table of all its trials."""
