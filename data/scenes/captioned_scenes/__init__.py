"""The TFDS data set `captioned_scenes`; importing its builder module registers it."""
