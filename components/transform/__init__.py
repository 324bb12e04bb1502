"""What TFX Transform runs, and the curated schema of the examples that it reads; needs no TFX."""

from pathlib import Path

# The schema of the raw examples, for ImportSchemaGen.
SCHEMA_FILE = str(Path(__file__).with_name("schema.pbtxt"))
