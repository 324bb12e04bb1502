"""One task a stage: models, optimisers and one training step."""
