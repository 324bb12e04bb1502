"""The TFX Tuner with a table of all trials."""
