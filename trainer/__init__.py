"""Models, losses, training, metrics and export."""
