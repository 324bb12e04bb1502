"""How long a model server takes to start, and its first requests, with and without warm-up."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.serving_clients import Failed, Refused, RestClient
from benchmarks.serving_load import Memory
from benchmarks.serving_requests import WARM_UP, Bare

LIMIT = 300.0
LATER = 20


def cold_starts(command: str, directory: Path, models: list[Bare]) -> int:
    """Prints a table of two starts of the same models: with their warm-up requests and without.

    Args:
      command: starts a REST server; `{models}` and `{port}` in it are replaced.
      directory: holds the models.
      models: those that are asked.
    """
    print("| warm-up | seconds until all answer | model | first ms | later ms (p50) | MiB |")
    print("|---" * 6 + "|")
    with tempfile.TemporaryDirectory() as scratch:
        for warm in (True, False):
            copy = Path(scratch, "with" if warm else "without")
            shutil.copytree(directory, copy)
            if not warm:
                for file in copy.glob(f"*/*/{WARM_UP}"):
                    file.unlink()
            _start(command, copy, models, "yes" if warm else "no")
    return 0


def _start(command: str, directory: Path, models: list[Bare], warm: str) -> None:
    port = _free_port()
    filled = command.replace("{models}", str(directory)).replace("{port}", str(port))
    log = directory.with_suffix(".log")
    started = time.perf_counter()
    with log.open("wb") as file:
        server = subprocess.Popen(shlex.split(filled), stdout=file, stderr=subprocess.STDOUT)
    try:
        client = RestClient(f"127.0.0.1:{port}")
        for model in models:
            _until_available(client, model.name, server, started, log)
        seconds = time.perf_counter() - started
        rng = np.random.default_rng(0)
        for model in models:
            times = []
            for _ in range(1 + LATER):
                request = model.request("serving_default", 1, rng)
                begun = time.perf_counter()
                client(request)
                times.append(1000 * (time.perf_counter() - begun))
            cells = [warm, f"{seconds:.1f}", model.name, f"{times[0]:.0f}"]
            cells += [f"{np.median(times[1:]):.1f}", f"{Memory(server.pid).mib():.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)
    finally:
        server.terminate()
        server.wait(30)


def _until_available(
    client: RestClient, name: str, server: subprocess.Popen, started: float, log: Path
) -> None:
    while time.perf_counter() - started < LIMIT:
        if server.poll() is not None:
            sys.exit(f"the server ended with {server.returncode}: {log.read_text()[-2000:]}")
        try:
            states = client.call("GET", f"/v1/models/{name}")["model_version_status"]
            if any(one["state"] == "AVAILABLE" for one in states):
                return
        except (Refused, Failed):
            pass
        time.sleep(0.1)
    sys.exit(f"{name} was not served within {LIMIT:g} s: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
