"""Load on a model server that speaks TensorFlow Serving's REST or gRPC, from a second process.

python -m benchmarks.serving MODELS --bare                        # the models alone, no server
python -m benchmarks.serving MODELS --rest 127.0.0.1:8501         # latency and throughput
python -m benchmarks.serving MODELS --grpc 127.0.0.1:8500 --pid PID
python -m benchmarks.serving MODELS --rest HOST:PORT --requests 10000 --pid PID   # endurance
python -m benchmarks.serving MODELS --rest HOST:PORT --swap generator             # a new version
python -m benchmarks.serving runs/demo/serving --rest HOST:PORT --swap generator --rollback
python -m benchmarks.serving MODELS --start 'COMMAND with {models} and {port}'    # cold start

MODELS holds NAME/VERSION/saved_model.pb, and is what the server serves: right answers are those of
the same models in this process.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.serving_clients import Client, GrpcClient, RestClient
from benchmarks.serving_load import Memory, Outcome, Sent, drive
from benchmarks.serving_requests import Bare, Request
from benchmarks.serving_start import cold_starts

Connect = Callable[[], Client]


def main() -> int:
    arguments = _arguments()
    chosen = set(arguments.only.split(",")) if arguments.only else None
    models = [
        Bare(path.name, path)
        for path in sorted(arguments.models.iterdir())
        if path.is_dir() and (chosen is None or path.name in chosen)
    ]
    if arguments.start:
        return cold_starts(arguments.start, arguments.models, models)
    if arguments.bare:
        return latencies(models, None, arguments)
    address, kind = (arguments.grpc, GrpcClient) if arguments.grpc else (arguments.rest, RestClient)
    if not address:
        sys.exit("say where the server is (--rest or --grpc), or measure without one (--bare)")

    def connect() -> Client:
        return kind(address)

    if arguments.swap:
        return swap(models, connect, arguments)
    if arguments.requests:
        return endure(models, connect, arguments)
    return latencies(models, connect, arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, help="directory of the served models")
    parser.add_argument("--rest", help="host:port of the REST server")
    parser.add_argument("--grpc", help="host:port of the gRPC server")
    parser.add_argument("--bare", action="store_true", help="call the models in this process")
    parser.add_argument("--start", help="command that starts a server, for cold starts")
    parser.add_argument("--swap", metavar="MODEL", help="put in a new version of it under load")
    parser.add_argument(
        "--rollback", action="store_true", help="after --swap: `tuwen rollback`, under load too"
    )
    parser.add_argument("--requests", type=int, default=0, help="that many, a tenth of them bad")
    parser.add_argument("--concurrency", type=int, default=16, help="threads of the long loads")
    parser.add_argument("--pid", type=int, help="of the server, for its memory")
    parser.add_argument("--only", default="", help="names of models, by commas")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement (3)")
    parser.add_argument("--sizes", default="1,8,32", help="batch sizes (1,8,32)")
    parser.add_argument("--threads", default="1,4,16", help="concurrencies (1,4,16)")
    return parser.parse_args()


def latencies(models: list[Bare], connect: Connect | None, arguments: argparse.Namespace) -> int:
    """Prints a table by signature, batch size and concurrency."""
    rng = np.random.default_rng(0)
    memory = Memory(arguments.pid) if arguments.pid else None
    print("| model | signature | rows | at once | p50 ms | p95 ms | p99 ms | rows/s |")
    print("|---" * 8 + "|")
    wrong = 0
    for model in models:
        for signature in model.signatures:
            sizes = [int(size) for size in arguments.sizes.split(",")]
            threads = [int(number) for number in arguments.threads.split(",")]
            for size, number in itertools.product(sizes, threads):
                pool = [_sent(model, model.request(signature, size, rng)) for _ in range(16)]
                client = connect or partial(getattr, model, "answer")
                _for_seconds(client, pool, number, arguments.seconds / 4)
                found = _for_seconds(client, pool, number, arguments.seconds)
                wrong += sum(found.problems.values())
                cells = [f"{value:.2f}" for value in found.milliseconds().values()]
                cells += [f"{found.rows / found.elapsed:.0f}"]
                row = [model.name, f"`{signature}`", str(size), str(number), *cells]
                print(f"| {' | '.join(row)} |", flush=True)
                for problem, count in found.problems.items():
                    print(f"{count} x {problem}", file=sys.stderr)
    if memory:
        print(f"\nmemory of the server: {memory.mib():.0f} MiB")
    return 1 if wrong else 0


def _for_seconds(connect: Connect, pool: list[Sent], threads: int, seconds: float) -> Outcome:
    end, endless = time.perf_counter() + seconds, itertools.cycle(pool)
    return drive(connect, lambda: next(endless) if time.perf_counter() < end else None, threads)


def endure(models: list[Bare], connect: Connect, arguments: argparse.Namespace) -> int:
    """Sends many requests, a tenth of them bad, and judges every answer."""
    plan = _plan(models, np.random.default_rng(1))
    memory = Memory(arguments.pid) if arguments.pid else None
    # Caches fill while the first tenth runs; what grows after that goes on growing.
    first = drive(connect, _few(plan, arguments.requests // 10), arguments.concurrency)
    before = memory.mib() if memory else 0.0
    rest = arguments.requests - arguments.requests // 10
    outcome = drive(connect, _few(plan, rest), arguments.concurrency)
    problems = first.problems + outcome.problems
    bad = first.bad + outcome.bad
    report = {
        "requests": len(first.seconds) + len(outcome.seconds),
        "concurrency": arguments.concurrency,
        "bad requests answered with an error": dict(bad.most_common()),
        "bad requests": sum(bad.values()),
        "problems": dict(problems.most_common()),
        "milliseconds": outcome.milliseconds(),
        "requests per second": round(len(outcome.seconds) / outcome.elapsed, 1),
    }
    grown = 0.0
    if memory:
        after = memory.mib()
        grown = after / before - 1
        report["memory MiB"] = {"after a tenth": round(before), "at the end": round(after)}
        report["memory growth"] = f"{grown:.1%}"
    print(json.dumps(report, indent=1, ensure_ascii=False))
    return 1 if problems or grown > 0.05 else 0


def swap(models: list[Bare], connect: Connect, arguments: argparse.Namespace) -> int:
    """Copies the newest version of a model under the next number while requests go on."""
    name = arguments.swap
    model = next(one for one in models if one.name == name)
    rng, stop = np.random.default_rng(2), threading.Event()
    pool = itertools.cycle(
        [
            _sent(model, model.request(signature, 1, rng))
            for signature in model.signatures
            for _ in range(8)
        ]
    )
    found: list[Outcome] = []

    def load() -> None:
        take = lambda: None if stop.is_set() else next(pool)  # noqa: E731
        found.append(drive(connect, take, arguments.concurrency))

    thread = threading.Thread(target=load)
    thread.start()
    time.sleep(arguments.seconds)
    version = int(model.directory.name) + 1
    target = model.directory.with_name(str(version))
    partial = target.with_name(f"{version}.partial")
    shutil.copytree(model.directory, partial)
    partial.rename(target)
    report: dict[str, object] = {}
    if arguments.rest:
        report["seconds until it was served"] = _wait_for(arguments.rest, name, version)
    time.sleep(arguments.seconds)
    if arguments.rollback:
        report |= _roll_back(arguments, name, version)
        time.sleep(arguments.seconds)
    stop.set()
    thread.join()
    report["requests"] = len(found[0].seconds)
    report["problems"] = dict(found[0].problems)
    report["milliseconds"] = found[0].milliseconds()
    print(json.dumps(report, indent=1, ensure_ascii=False))
    return 1 if found[0].problems else 0


def _roll_back(arguments: argparse.Namespace, name: str, version: int) -> dict[str, object]:
    """Seconds from the start of the command until the version before `version` is served again."""
    work = str(arguments.models.parent)
    command = [sys.executable, "-m", "pipeline.cli", "rollback", name, "--work", work]
    with subprocess.Popen(command, stdout=sys.stderr) as process:
        seconds = _wait_for(arguments.rest, name, version + 1)
    if process.returncode:
        sys.exit(f"the rollback ended with status {process.returncode}")
    return {"seconds from the command until the model before was served": seconds}


def _wait_for(address: str, name: str, version: int, limit: float = 120.0) -> float:
    """Seconds until the server says that this version or a later one is available."""
    started = time.perf_counter()
    while time.perf_counter() - started < limit:
        states = RestClient(address).call("GET", f"/v1/models/{name}")["model_version_status"]
        if any(int(one["version"]) >= version and one["state"] == "AVAILABLE" for one in states):
            return round(time.perf_counter() - started, 2)
        time.sleep(0.02)
    sys.exit(f"version {version} of {name} was not served within {limit:g} s")


def _plan(models: list[Bare], rng: np.random.Generator) -> Callable[[], Sent]:
    """An endless mix: of every signature good requests of several sizes, a tenth bad ones."""
    asked = [(model, signature) for model in models for signature in model.signatures]
    good = [
        _sent(model, model.request(signature, size, rng))
        for model, signature in asked
        for size in (1, 1, 1, 1, 2, 3, 8)
        for _ in range(4)
    ]
    bad = [
        _sent(model, model.bad(signature, size, rng))
        for model, signature in asked
        for size in (1, 2, 3)
        for _ in range(4)
    ]
    numbers = itertools.count()

    def take() -> Sent:
        pool = bad if next(numbers) % 10 == 9 else good
        return pool[rng.integers(len(pool))]

    return take


def _few(take: Callable[[], Sent], count: int) -> Callable[[], Sent | None]:
    left = iter(range(count))
    return lambda: None if next(left, None) is None else take()


def _sent(model: Bare, request: Request) -> Sent:
    return Sent(request, None if request.refused else model.answer(request))


if __name__ == "__main__":
    sys.exit(main())
