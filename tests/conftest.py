"""What every test gets: fixed seeds, no network beyond this machine, and the real test data."""

from __future__ import annotations

import importlib
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

# Chooses the kernels of TensorFlow before a test imports it.
importlib.import_module("data")
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


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names bytes by their argument: packed bytes hold a time, and every worker must agree."""
    return argname if isinstance(val, bytes) else None


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


@pytest.fixture(scope="session")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `serving` directory with the three models, as small as they go, each as version 1.

    They are trained for one step: what they say is nonsense, and as stable as any model's answers.
    """
    from data.prepared import prepare
    from data.scenes import as_captioned_images
    from trainer.config import Experiment
    from trainer.settings_loader import from_mapping
    from trainer.train import train

    data = {"resolution": 16, "max_captions": 2, "max_length": 8, "vocabulary_size": 24}
    experiment = from_mapping(
        Experiment,
        {
            "name": "tiny",
            "data": {**data, "min_count": 1},
            "encoder": {"width": 4, "embedding": 8, "text_width": 8, "batch_size": 8},
            "captioner": {"units": 8, "embedding": 6, "beam": 3, "batch_size": 8},
            "generator": {"noise": 4, "width": 4, "discriminator_width": 4, "batch_size": 8},
            "training": {"steps": 1, "precision": "float32"},
        },
        "the test's settings",
    )
    root = tmp_path_factory.mktemp("pushed")
    scenes = list(as_captioned_images(32, 16, seed=0, languages=("en", "zh", "en")))
    splits = {"train": scenes[:24], "val": scenes[24:]}
    prepared = prepare(splits, str(root / "data"), **data, min_count=1)
    encoder = None
    for stage in ("encoder", "captioner", "generator"):
        model = str(root / "serving" / stage / "1")
        train(experiment, stage, prepared, str(root / stage), model, encoder)
        encoder = encoder or model
    return root / "serving"


@pytest.fixture(scope="session")
def server(pushed: Path) -> Iterator[Any]:
    """A `ModelServer` that serves the three models and takes requests of up to 1 MiB."""
    from pipeline.server.config import Limits, from_directory
    from pipeline.server.model_server import ModelServer

    with ModelServer(
        from_directory(pushed), poll_seconds=0, limits=Limits(body_bytes=2**20), allow_reload=True
    ) as running:
        yield running
