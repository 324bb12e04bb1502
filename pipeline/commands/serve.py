"""`tuwen serve`: models behind TensorFlow Serving's REST and gRPC interfaces, for development."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.arguments import add_listen, port_number, positive_number, whole_number
from pipeline.errors import RunError, UsageError
from pipeline.model_lookup import newer_refusal, require_run
from pipeline.outcomes import earlier_answers, missing, outcome, traces
from pipeline.server import config
from pipeline.server.config import Limits
from pipeline.work_dir import MODELS, WorkDir

if TYPE_CHECKING:
    from pipeline.server.model_server import ModelServer

_EXAMPLE = (
    """curl -d '{"inputs": {"text": ["a red circle"]}}' http://%s:%d/v1/models/generator:predict"""
)

EXAMPLES = (
    "tuwen serve                                  # the models of the newest run",
    "tuwen serve runs/demo --port 8501 --grpc-port 8500",
    "tuwen serve --config models.config           # versions and labels of your choice",
    "tuwen serve runs/demo --print-config --base-path /models  # labels stable and canary",
)
_LIMITS: tuple[tuple[str, Callable[[str], float], float, str], ...] = (
    ("--max-rows", whole_number, Limits.rows, "rows of a request"),
    ("--max-bytes", whole_number, Limits.body_bytes, "bytes of a request, unpacked"),
    ("--max-seconds", positive_number, Limits.seconds, "until a request is given up"),
    ("--max-waiting", whole_number, Limits.waiting, "requests that wait for their turn"),
    ("--max-connections", whole_number, Limits.connections, "of REST, and of gRPC"),
    ("--idle-seconds", positive_number, Limits.idle_seconds, "an idle connection stays"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument(
        "directory",
        nargs="?",
        metavar="DIR",
        help="work directory, or directory of models (the newest run)",
    )
    parser.add_argument(
        "--config", metavar="FILE", help="TensorFlow Serving's models.config in place of DIR"
    )
    add_listen(parser, port=8501)
    parser.add_argument("--grpc-port", type=port_number, default=8500, help="port of gRPC")
    parser.add_argument(
        "--allow-reload",
        action="store_true",
        help="let clients choose what is served (gRPC HandleReloadConfigRequest), from the "
        "directories that hold the served models; whoever can write there can run code",
    )
    limits = parser.add_argument_group("limits")
    for name, kind, default, text in _LIMITS:
        limits.add_argument(name, type=kind, default=default, help=text)
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print a models.config with the labels stable and canary, and serve nothing",
    )
    parser.add_argument(
        "--base-path",
        metavar="PATH",
        help="with --print-config: where TensorFlow Serving will find the models",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves until it is interrupted, or prints a config for TensorFlow Serving."""
    from google.protobuf import text_format

    from pipeline.processes import wait_for_the_end

    models = _models(arguments)
    if arguments.print_config:
        labelled = config.labelled(models, arguments.base_path)
        print(text_format.MessageToString(labelled), end="")
        return 0
    # TensorFlow calls the loader that a server needs deprecated.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # gRPC writes to the terminal what clients send it as reasons, whatever bytes these are.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Starting TensorFlow takes seconds: first everything that can be wrong without it.
    from pipeline.server.http_thread import in_url
    from pipeline.server.model_server import ModelServer

    host = arguments.host
    with ModelServer(
        models,
        host=host,
        rest_port=arguments.port,
        grpc_port=arguments.grpc_port,
        limits=limits(arguments),
        names=arguments.allow_host,
        allow_reload=arguments.allow_reload,
    ) as server:
        _tell(server, models)
        host = in_url(host)
        print(f"REST: http://{host}:{server.rest_port}/v1/models/...", end="   ")
        print(f"gRPC: {host}:{server.grpc_port}   (Ctrl-C ends it)")
        if any(model.name == "generator" for model in models):
            print(f"try: {_EXAMPLE % (host, server.rest_port)}", flush=True)
        wait_for_the_end()
    return 0


def limits(arguments: argparse.Namespace) -> Limits:
    """The limits that the arguments give."""
    return Limits(
        body_bytes=arguments.max_bytes,
        rows=arguments.max_rows,
        seconds=arguments.max_seconds,
        waiting=arguments.max_waiting,
        connections=arguments.max_connections,
        idle_seconds=arguments.idle_seconds,
    )


def _models(arguments: argparse.Namespace) -> list[config.ModelConfig]:
    if arguments.config:
        if arguments.directory:
            raise UsageError("give a directory or --config, not both")
        return config.from_file(Path(arguments.config))
    work = WorkDir(Path(arguments.directory)) if arguments.directory else require_run()
    models = config.from_directory(work.root)
    if traces(work):
        _tell_refused(work, models)
    return models


def _tell_refused(work: WorkDir, models: list[config.ModelConfig]) -> None:
    """Prints which models the last run did not push; on standard error, beside a config."""
    served = {model.name: model for model in models}
    for name in MODELS:
        if name not in served:
            print(f"note: {missing(name, outcome(work, name))}", file=sys.stderr)
        for path in served[name].wanted().values() if name in served else ():
            if refusal := newer_refusal(name, path, str(work.root)):
                print(earlier_answers(refusal), file=sys.stderr)


def _tell(server: ModelServer, models: list[config.ModelConfig]) -> None:
    """Prints what is served; an error if there are models and none of them loads."""
    known = server.manager.known()
    for (name, version), status in known.items():
        print(f"{name} version {version}: {status.error or status.state.lower()}")
    for model in models:
        if not any(name == model.name for name, _ in known):
            print(f"{model.name}: no version in {model.base} yet")
    if known and all(status.error for status in known.values()):
        raise RunError("none of the models could be loaded")
