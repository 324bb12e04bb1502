"""From the Tuner's table to report data; needs neither TensorFlow nor TFX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from components.run_report.report_data import TuningFacts
from data.base import files
from trainer.trials import TABLE, read_table


def tuning_facts(directory: str, config: Mapping[str, Any]) -> TuningFacts:
    """Reads the table of all trials; the space stands in the run's configuration."""
    rows = read_table(files.read(files.join(directory, TABLE)).decode("utf-8"))
    tuning = config["tuning"]
    return TuningFacts(tuning["stage"], tuning["space"], tuple(asdict(row) for row in rows))
