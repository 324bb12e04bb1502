"""CaptionExampleGen: converts any source of captioned pictures to checked, split tf.Examples."""
