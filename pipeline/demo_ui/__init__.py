"""A page for trying out trained models in a browser; it loads nothing from the network."""
