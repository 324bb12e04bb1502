"""How long a fuzz test lasts, and what its random numbers begin with."""

from __future__ import annotations

import os

import pytest

SECONDS_VARIABLE, SEED_VARIABLE = "TUWEN_FUZZ_SECONDS", "TUWEN_FUZZ_SEED"


@pytest.fixture
def fuzz_seconds() -> float:
    """Seconds of random input: $TUWEN_FUZZ_SECONDS, else 20."""
    return float(os.environ.get(SECONDS_VARIABLE, "20"))


@pytest.fixture
def fuzz_seed() -> int:
    """$TUWEN_FUZZ_SEED, else 0; the output of a failure shows it. `make fuzz` gives another each
    time, while `make test` says the same of the same code."""
    seed = int(os.environ.get(SEED_VARIABLE, "0"))
    print(f"{SEED_VARIABLE}={seed}")
    return seed
