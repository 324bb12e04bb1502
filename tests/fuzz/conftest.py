"""How long a fuzz test lasts, and what its random numbers begin with."""

from __future__ import annotations

import os
import random

import pytest

SECONDS_VARIABLE, SEED_VARIABLE = "TUWEN_FUZZ_SECONDS", "TUWEN_FUZZ_SEED"


@pytest.fixture
def fuzz_seconds() -> float:
    """Seconds of random input: $TUWEN_FUZZ_SECONDS, else 20."""
    return float(os.environ.get(SECONDS_VARIABLE, "20"))


@pytest.fixture
def fuzz_seed() -> int:
    """$TUWEN_FUZZ_SEED, else another number each time, which the output of a failure shows."""
    seed = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(2**32))
    print(f"{SEED_VARIABLE}={seed}")
    return seed
