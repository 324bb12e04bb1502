"""Random and damaged HTTP requests to a server of `small_model`."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from random import Random
from typing import Any, NamedTuple

PREDICT = "/v1/models/m:predict"
_TEXTS = ("", "a", "圆", "\u0000", "\U0001f642", "a,[{", "\ud800", "x" * 3000, "\x1b[2J", "null")
_NUMBERS = (0, -1, 1.5, 2**31, 2**63, -(2**63), 10**30, 1e308, 1e-320, True, False, None)
_ALIASES = ("text", "x", "factor", "b64", "y", "")
_SIGNATURES = ("", "serving_default", "scale", "same", "slow", "\ud800", 7, None, "s" * 5000)
_HEADERS = (
    "Host: evil.example",
    "Host: [::1",
    "Content-Encoding: gzip",
    "Content-Encoding: br",
    "Content-Encoding: deflate, gzip",
    "Transfer-Encoding: chunked",
    "Content-Length: 99999999999999999999",
    "Content-Length: -5",
    "Content-Length: 3",
    "Expect: 100-continue",
    "Expect: nothing",
    "Upgrade: websocket",
    "Connection: upgrade",
    "Connection: close",
    "Content-Type: text/html; charset=utf-7",
    "X: " + "y" * 9000,
    "\x00: z",
    "Range: bytes=0-",
    "Accept: text/html",
)


class Request(NamedTuple):
    """One request.

    Attributes:
      content: all of its bytes.
      length: what the answer must say if it is 200, or None.
      is_whole: whether it is proper HTTP, so that it must be answered.
    """

    content: bytes
    length: list[int] | None = None
    is_whole: bool = True


def request(random: Random) -> Request:
    """The next request."""
    kind = random.choice((_valid, _json, _json, _path, _packed, _headers, _damaged, _rows))
    return kind(random)


def damage(random: Random, content: bytes) -> bytes:
    """The content with bytes changed, left out, repeated or cut off."""
    damaged = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5, 30))):
        place = random.randrange(len(damaged) + 1)
        end = min(len(damaged), place + random.choice((1, 1, 4, 50)))
        change = random.randrange(5)
        if change == 0:
            damaged[place:end] = random.randbytes(end - place)
        elif change == 1:
            del damaged[place:end]
        elif change == 2:
            damaged[place:place] = damaged[place:end] * random.choice((1, 3, 100))
        elif change == 3:
            damaged[place:place] = random.choice((b"\r\n", b"\0", b"\xff", b"[" * 99, b"9" * 5000))
        elif random.random() < 0.2:
            del damaged[place:]
    return bytes(damaged)


def _http(
    body: bytes, path: str = PREDICT, method: str = "POST", headers: tuple[str, ...] = ()
) -> bytes:
    names = {header.partition(":")[0] for header in headers}
    lines = [f"{method} {path} HTTP/1.1", *headers]
    if "Host" not in names:
        lines.append("Host: localhost")
    if not names & {"Content-Length", "Transfer-Encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + body


def _valid(random: Random) -> Request:
    texts = ["a" * random.randrange(50) for _ in range(random.randrange(1, 40))]
    columns = {"inputs": {"text": texts}}
    rows = {"instances": [{"text": text} for text in texts]}
    body = json.dumps(random.choice((columns, rows))).encode()
    return Request(_http(body), [len(text) for text in texts])


def _json(random: Random) -> Request:
    document: Any = _value(random, 0)
    if random.random() < 0.9:
        key = random.choice(("instances", "inputs"))
        document = {key: _value(random, 0), "signature_name": random.choice(_SIGNATURES)}
        if random.random() < 0.5:
            document[key] = {alias: _value(random, 1) for alias in random.sample(_ALIASES, 2)}
    body = json.dumps(document).encode()
    if random.random() < 0.2:
        body = damage(random, body)
    return Request(_http(body))


def _value(random: Random, depth: int) -> Any:
    kind = random.randrange(8 if depth < 5 else 3)
    if kind < 3:
        encoded = base64.b64encode(random.randbytes(random.randrange(9))).decode()
        return (random.choice(_TEXTS), random.choice(_NUMBERS), {"b64": encoded})[kind]
    if kind == 3:
        nested: Any = random.choice(_NUMBERS)
        for _ in range(random.choice((1, 2, 31, 33, 200))):
            nested = [nested]
        return nested
    if kind == 4:
        return {random.choice(_ALIASES): _value(random, depth + 1) for _ in range(3)}
    if kind == 5:
        return [random.choice(_NUMBERS)] * random.choice((0, 1, 2, 1000, 1025, 100_000))
    return [_value(random, depth + 1) for _ in range(random.randrange(4))]


def _path(random: Random) -> Request:
    parts = (
        "/v1/models/", "m", "n", "/versions/", "1", "0", "9" * 5000, "٣", "/labels/", "stable",
        "/metadata", ":predict", ":classify", ":paint", "/", "..", "%2e%2e", "%00", "%ff", "%", "?",
        "#", "//", "/monitoring/prometheus/metrics", "http://evil/", "*",
    )  # fmt: skip
    path = "/v1/models/m" + "".join(random.choices(parts, k=random.randrange(5)))
    if random.random() < 0.3:
        path = "".join(random.choices(parts, k=random.randrange(1, 6)))
    method = random.choice(("GET", "GET", "POST", "PUT", "HEAD", "OPTIONS", "TRACE", "DELETE", "x"))
    return Request(_http(b'{"instances": ["a"]}', path, method), is_whole=False)


def _packed(random: Random) -> Request:
    plain = random.choice((b'{"instances": ["abc"]}', b"\0" * 2**22, b"[" * 2**19, b""))
    name, pack = random.choice((("gzip", gzip.compress), ("deflate", zlib.compress)))
    packed = random.choice((plain, pack(plain), pack(pack(plain)), pack(plain)[:-3]))
    if random.random() < 0.2:
        packed = damage(random, packed)
    return Request(_http(packed, headers=(f"Content-Encoding: {name}",)))


def _headers(random: Random) -> Request:
    headers = tuple(random.sample(_HEADERS, random.randrange(1, 4)))
    body = random.choice((b'{"instances": ["a"]}', b"", b"5\r\nab", b"zz\r\n", b"0\r\n\r\n"))
    return Request(_http(body, headers=headers), is_whole=False)


def _damaged(random: Random) -> Request:
    return Request(damage(random, _valid(random).content), is_whole=False)


def _rows(random: Random) -> Request:
    """More rows than are taken, or work that lasts: often the client leaves meanwhile."""
    signature, value = random.choice((("slow", 1.0), ("same", 1.0), ("", "a")))
    rows = random.choice((1, 20, 300, 1024, 1025, 30_000))
    body = json.dumps({"signature_name": signature, "instances": [value] * rows}).encode()
    return Request(_http(body), is_whole=random.random() < 0.7)
