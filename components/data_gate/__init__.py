"""DataGate: anomalies and image-caption checks to pass or stop, each with its reason."""
