"""Losses: small pure functions on logits and embeddings."""
