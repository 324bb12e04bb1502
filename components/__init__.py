"""TFX components for captioned images and cross-modal models."""
