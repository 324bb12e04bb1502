"""The last blessed models and data, for orchestrators without a metadata store to query."""
