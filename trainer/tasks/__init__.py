"""One task for each stage: models, optimisers and one training step."""
