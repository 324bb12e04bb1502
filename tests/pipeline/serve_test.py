"""`tuwen serve` and `tuwen demo-ui` as processes and as commands."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.commands import demo_ui, serve
from pipeline.errors import RunError
from pipeline.model_lookup import ModelNotFound
from pipeline.server import config
from pipeline.server.config import Limits
from pipeline.server.model_server import ModelServer
from pipeline.work_dir import MODELS
from tests.pipeline import run_dirs

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def start(tmp_path):
    """A function that starts a command and reads its output to the line that matches."""
    started = []

    def run(*arguments, until):
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        for line in process.stdout:
            if found := re.search(until, line):
                return process, found
        raise AssertionError(f"{arguments} ended without the line {until}")

    yield run
    for process in started:
        process.kill()
        process.wait()


def ended(process):
    """Exit status after Ctrl-C."""
    process.send_signal(signal.SIGINT)
    return process.wait(timeout=30)


def test_serve_answers_until_it_is_interrupted(start, pushed):
    ports = ("--port", 0, "--grpc-port", 0)
    process, found = start("serve", pushed, *ports, until=r"REST: (http://127\.0\.0\.1:\d+)")
    request = urllib.request.Request(
        f"{found[1]}/v1/models/generator:predict", json.dumps({"instances": ["a"]}).encode()
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert "b64" in json.loads(answer.read())["predictions"][0]["image_bytes"]
    assert ended(process) == 0


def test_demo_ui_shows_its_page_until_it_is_interrupted(start, pushed):
    process, found = start("demo-ui", "--work", pushed, "--port", 0, until=r"open (http://\S+)")
    with urllib.request.urlopen(found[1], timeout=60) as answer:
        assert "<title>Tuwen" in answer.read().decode()
    assert ended(process) == 0


def test_a_printed_config_is_one_that_is_served(pushed, capsys, tmp_path):
    assert cli.main(["serve", str(pushed), "--print-config"]) == 0
    file = tmp_path / "models.config"
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    found = config.from_file(file)
    assert [model.name for model in found] == ["captioner", "encoder", "generator"]
    for model in found:
        assert list(model.wanted()) == [1]
        assert dict(model.labels) == {"stable": 1, "canary": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve"], "no run under runs"),
        (["serve", "gone"], "gone: no served models here"),
        (["serve", "--config", "gone.config"], "gone.config: not a models.config"),
        (["serve", "here", "--config", "x"], "a directory or --config, not both"),
        (["demo-ui"], "no run under runs"),
        (["demo-ui", "--work", "gone"], "--work gone: no such directory"),
    ],
)
def test_a_wrong_command_is_told(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == cli.USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["runs/demo"]])
def test_a_run_that_refused_all_its_models_is_not_served(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_dirs.finish(run_dirs.start("runs/demo"), refused=MODELS)
    with pytest.raises(ModelNotFound) as raised:
        serve.run(cli.parser().parse_args(["serve", *arguments]))
    assert [item.code for item in raised.value.outcomes] == ["refused"] * 3


def test_a_run_that_refused_all_its_models_is_not_shown(tmp_path):
    work = run_dirs.finish(run_dirs.start(tmp_path / "run"), refused=MODELS)
    with pytest.raises(ModelNotFound) as raised:
        demo_ui.find_models(work)
    assert [item.code for item in raised.value.outcomes] == ["refused"] * 3


def test_serve_says_what_the_last_run_refused(tmp_path, capsys):
    work = run_dirs.finish(run_dirs.start(tmp_path / "run"), refused=["captioner", "generator"])
    run_dirs.push(work, "generator")
    assert cli.main(["serve", str(work.root), "--print-config"]) == 0
    captioner, generator = capsys.readouterr().err.splitlines()
    assert "no captioner" in captioner and "refused its captioner" in captioner
    assert "refused its generator" in generator and "earlier version" in generator


def test_limits_are_those_of_the_arguments():
    asked = cli.parser().parse_args(["serve"])
    assert serve.limits(asked) == Limits()
    options = "--max-rows 1 --max-bytes 2 --max-seconds 3 --max-waiting 4 --max-connections 5"
    asked = cli.parser().parse_args(["serve", *options.split(), "--idle-seconds", "6"])
    assert serve.limits(asked) == Limits(
        rows=1, body_bytes=2, seconds=3, waiting=4, connections=5, idle_seconds=6
    )


def test_a_taken_port_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for ports in ({"grpc_port": port}, {"rest_port": port}):
            with pytest.raises(RunError, match=f"{port}: .*choose another"):
                ModelServer([], **ports)


def test_an_address_of_another_machine_is_told():
    with pytest.raises(RunError, match="no such address"):
        ModelServer([], host="192.0.2.1")
