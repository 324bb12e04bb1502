"""What every test gets: fixed seeds, no network beyond this machine, and the real test data."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import random
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

SEED = 20_240_229
TEST_DATA_VARIABLE = "TUWEN_TEST_DATA"


def _stays_here(address: Any) -> bool:
    """Whether a socket address is a Unix path or lies in the loopback range."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Makes a connection to another machine an error that names the address."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(real: Any) -> Any:
        def attempt(self: socket.socket, address: Any) -> Any:
            if not _stays_here(address):
                raise OSError(f"tests stay on this machine, and one asked for {address!r}")
            return real(self, address)

        return attempt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        yield


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """The same random numbers in every test, whichever ran before it."""
    random.seed(SEED)
    np.random.seed(SEED)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(SEED)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data sets: $TUWEN_TEST_DATA, else `../shared/data` beside the project."""
    named = os.environ.get(TEST_DATA_VARIABLE)
    if named:
        assert Path(named).is_dir(), f"{TEST_DATA_VARIABLE} names no folder: {named}"
        return Path(named)
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not beside.is_dir():
        pytest.skip(f"no real data sets: no ../shared/data, and {TEST_DATA_VARIABLE} is not set")
    return beside


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The toy world of the evaluation's tests, loaded by path: `tests` is no package."""
    path = Path(__file__).parent / "trainer" / "evaluation" / "toy.py"
    spec = importlib.util.spec_from_file_location("toy", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
