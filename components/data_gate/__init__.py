"""DataGate: passes data or stops the run, from anomalies and checks of pictures and captions."""
