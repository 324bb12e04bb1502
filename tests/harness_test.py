"""What tests/conftest.py promises every test."""

from __future__ import annotations

import os
import random
import socket

import numpy as np
import pytest


# A connected UDP socket sends nothing by itself, so not even a broken guard would reach a network.
@pytest.mark.parametrize("address", [("192.0.2.1", 9), ("example.invalid", 9)])
@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_a_connection_to_another_machine_is_refused(method: str, address: tuple[str, int]) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller,
        pytest.raises(OSError, match=f"tests stay on this machine, .*{address[0]}"),
    ):
        getattr(caller, method)(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_connection_to_this_machine_is_made(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((host, port), timeout=5) as caller:
            assert caller.getpeername() == ("127.0.0.1", port)


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_begins_with_the_same_random_numbers(turn: int) -> None:
    drawn = (random.random(), float(np.random.rand()))
    assert drawn == pytest.approx((0.33707555014, 0.56112903182))


@pytest.mark.parametrize("drawn", [os.urandom(4), os.urandom(4)])
def test_names_of_tests_are_the_same_in_every_process(
    drawn: bytes, request: pytest.FixtureRequest
) -> None:
    assert request.node.callspec.id in ("drawn0", "drawn1")
    assert len(drawn) == 4
