"""Picture files made byte by byte, for what no encoder writes."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from typing import Any

from PIL import Image

MAGIC = b"\x89PNG\r\n\x1a\n"


def encode(image: Image.Image, name: str, **save: Any) -> bytes:
    """Returns the image as a file of Pillow's format `name`."""
    target = io.BytesIO()
    image.save(target, name, **save)
    return target.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Returns one chunk of a PNG with its right checksum."""
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Returns kind and content of each chunk of a sound PNG."""
    found, at = [], len(MAGIC)
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png_of(parts: list[tuple[bytes, bytes]]) -> bytes:
    """Returns a PNG of these chunks, in this order."""
    return MAGIC + b"".join(chunk(kind, content) for kind, content in parts)


def with_chunk(png: bytes, kind: bytes, content: bytes, place: int = 1) -> bytes:
    """Returns a PNG with one more chunk; the default is behind the header."""
    parts = chunks(png)
    return png_of([*parts[:place], (kind, content), *parts[place:]])


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """Returns a JPEG with one more segment as its first."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + jpeg[2:]


def scans(jpeg: bytes) -> list[int]:
    """Returns the places of a JPEG's scans."""
    return [place for place in range(len(jpeg)) if jpeg[place : place + 2] == b"\xff\xda"]


def with_scans(jpeg: bytes, more: int, between: bytes = b"") -> bytes:
    """Returns a progressive JPEG that has its last scan as often again.

    Args:
      between: what stands before each of them.
    """
    return jpeg[:-2] + (between + jpeg[scans(jpeg)[-1] : -2]) * more + jpeg[-2:]


def of_many_scans() -> dict[str, tuple[bytes, bool]]:
    """Returns JPEGs with more than 100 places that look like scans, or nearly as many; and whether
    they are more than 100 scans."""
    jpeg = encode(Image.linear_gradient("L").resize((23, 19)), "JPEG", progressive=True)
    segment = b"\xff\xfe\0\2"
    more = with_scans(jpeg, 101 - len(scans(jpeg)))
    return {
        "exactly 100": (with_scans(jpeg, 100 - len(scans(jpeg))), False),
        "one more than 100": (more, True),
        "cut short within the last of them": (more[: scans(more)[-1] + 4], True),
        "thousands": (with_scans(jpeg, 3000), True),
        "cut short": (with_scans(jpeg, 3000)[:-700], True),
        "garbage between them": (with_scans(jpeg, 200, b"\0\1\xff\xff\0\xff\xd3"), True),
        "a kind that is not plain": (with_segment(with_scans(jpeg, 200), 0xDC, b"\0\1"), True),
        "within a segment": (with_segment(jpeg, 0xE1, b"\xff\xda" * 200), False),
        "behind the end": (jpeg + b"\xff\xda\0\2" * 200, False),
        "behind many segments": (jpeg[:2] + segment * 2000 + with_scans(jpeg, 200)[2:], True),
        "behind a long run of zeros": (with_scans(jpeg, 200, b"\xff\0" * 70_000), True),
    }


def exif(
    value: int, order: str = ">", kind: int = 3, count: int = 1, tags: tuple[int, ...] = (0x0112,)
) -> bytes:
    """Returns an Exif block whose tags all have one short value.

    Args:
      order: > for big-endian, < for little-endian.
    """
    magic = b"MM\0*" if order == ">" else b"II*\0"
    entries = [struct.pack(f"{order}HHIHH", tag, kind, count, value, 0) for tag in tags]
    head = magic + struct.pack(f"{order}IH", 8, len(tags))
    return head + b"".join(entries) + bytes(4)


def with_exif(encoded: bytes, block: bytes) -> bytes:
    """Returns a PNG or JPEG with an Exif block."""
    if encoded.startswith(MAGIC):
        return with_chunk(encoded, b"eXIf", block)
    return with_segment(encoded, 0xE1, b"Exif\0\0" + block)


def profile(space: bytes, **curves: bytes) -> bytes:
    """Returns a matrix profile of a colour space whose curve and colourants are given."""
    white = (0.9642, 1.0, 0.8249)
    tags = {b"wtpt": xyz(*white), **{name.encode(): held for name, held in curves.items()}}
    table, content, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, held in tags.items():
        table += name + at.to_bytes(4, "big") + len(held).to_bytes(4, "big")
        content, at = content + held, at + len(held)
    body = len(tags).to_bytes(4, "big") + table + content
    head = bytes(4) + b"lcms\x02\x40\0\0mntr" + space + b"XYZ " + bytes(12) + b"acsp"
    head = (len(body) + 128).to_bytes(4, "big") + head[4:]
    return head.ljust(68, b"\0") + b"".join(map(fixed, white)) + bytes(48) + body


def print_profile() -> bytes:
    """Returns a profile of CMYK by a table of its 16 corners: white paper, black where K is full,
    and a grey of L* = 50 where C, M or Y is."""
    corners = [
        (0, 128, 128) if black else (255 if not any(inks) else 128, 128, 128)
        for *inks, black in itertools.product((0, 1), repeat=4)
    ]
    matrix = b"".join(fixed(value) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0\x04\x03\x02\0" + matrix + ramp * 4
    table += bytes(itertools.chain(*corners)) + ramp * 3
    head = profile(b"CMYK", A2B0=table)
    return head[:12] + b"prtr" + head[16:20] + b"Lab " + head[24:]


def fixed(value: float) -> bytes:
    return round(value * 65536).to_bytes(4, "big", signed=True)


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0\0\0\0\x01" + round(value * 256).to_bytes(2, "big") + b"\0\0"


# With its colourants adapted to D50.
ADOBE_RGB = profile(
    b"RGB ",
    rXYZ=xyz(0.60974, 0.31111, 0.01947),
    gXYZ=xyz(0.20528, 0.62567, 0.06087),
    bXYZ=xyz(0.14919, 0.06322, 0.74457),
    rTRC=gamma(563 / 256),
    gTRC=gamma(563 / 256),
    bTRC=gamma(563 / 256),
)
GREY_18 = profile(b"GRAY", kTRC=gamma(1.8))
