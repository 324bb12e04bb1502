"""What all rooms use: files, errors, text for a terminal, TensorFlow's graphs and records."""
