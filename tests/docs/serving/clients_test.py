"""Every client of docs/serving/clients asks a running server for a picture and for a caption."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer import serving

CLIENTS = Path(__file__).resolve().parents[3] / "docs" / "serving" / "clients"
# Quotes, a backslash, two scripts and a character beyond the basic plane.
CAPTION, SEED = 'a "red" \\ circle 一个圆形 🙂', 7
COMPILE = ("g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The C++ client's program."""
    if shutil.which("g++") is None:
        pytest.skip("no g++ on the PATH")
    program = tmp_path_factory.mktemp("cpp") / "client"
    subprocess.run([*COMPILE, "-o", program, CLIENTS / "client.cpp"], check=True)
    return program


def rest(request):
    address = f"http://127.0.0.1:{request.getfixturevalue('server').rest_port}"
    return [sys.executable, CLIENTS / "rest_client.py", "--server", address], {}


def grpc(request):
    address = f"127.0.0.1:{request.getfixturevalue('server').grpc_port}"
    return [sys.executable, CLIENTS / "grpc_client.py", "--server", address], {}


def curl(request):
    for program in ("bash", "curl", "jq", "base64"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on the PATH")
    address = f"http://127.0.0.1:{request.getfixturevalue('server').rest_port}"
    return [CLIENTS / "client.sh"], {"SERVER": address}


def cpp(request):
    address = f"127.0.0.1:{request.getfixturevalue('server').rest_port}"
    return [request.getfixturevalue("compiled"), address], {}


@pytest.fixture(params=[rest, grpc, curl, cpp], ids=lambda client: client.__name__)
def client(request, tmp_path):
    """A function that runs one client with further arguments."""
    command, environment = request.param(request)
    python = request.param in (rest, grpc)

    def run(command_name, first, output=None):
        words = [*command, command_name, first]
        if output is not None:
            words += ["-o", output, "--seed", str(SEED)] if python else [output, str(SEED)]
        return subprocess.run(
            [str(word) for word in words],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run


def test_a_picture_is_saved(client, pushed, tmp_path):
    done = client("paint", CAPTION, tmp_path / "picture.png")
    assert done.returncode == 0, done.stderr
    (wanted,) = serving.generate(serving.load(str(pushed / "generator/1")), [CAPTION], [SEED])
    assert (tmp_path / "picture.png").read_bytes() == wanted.png


def test_a_caption_is_printed(client, pushed, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (31, 33, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    (tmp_path / "photo.png").write_bytes(buffer.getvalue())
    done = client("caption", tmp_path / "photo.png")
    assert done.returncode == 0, done.stderr
    model = serving.load(str(pushed / "captioner/1"))
    assert done.stdout.rstrip("\n") == serving.caption(model, [buffer.getvalue()])[0].text


def test_a_refusal_is_told(client, tmp_path):
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    done = client("caption", tmp_path / "text.png")
    assert done.returncode != 0
    assert re.search("(?i)image|picture|png", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr
