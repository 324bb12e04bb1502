"""What was blessed last, for orchestrators without metadata to ask: models, and data."""
