"""What a training takes over from an earlier model, and how it is trained on."""
