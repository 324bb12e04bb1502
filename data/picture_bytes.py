"""Parses PNG and JPEG files without decoding a pixel: structure, Exif, ICC profile.

Decoders agree on valid files and differ on all others: if pixel data end early, one decoder fills
with black, another fails, a third warns. This module checks which rules a file follows.
`data.images` reads the orientation in the graph, in the same steps.

Sources: PNG, third edition (W3C, 2025); JPEG, ITU-T T.81 (1992); Exif 2.32 (CIPA DC-008).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

PNG_MAGIC, JPEG_MAGIC = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# Maximum number of chunks or segments that are searched for Exif: files have it among the first
# few, and a file of millions of tiny chunks must not block a server.
EXIF_STEPS = 100
EXIF_HEAD = b"Exif\0\0"
LITTLE_ENDIAN, BIG_ENDIAN = b"II*\0", b"MM\0*"
ORIENTATION, SHORT = 0x0112, 3

_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
# Width, height, depth, colour type, and the compression, filter and interlace methods.
_HEADER = struct.Struct(">IIBBBBB")
# Samples per pixel, and allowed depths in bits, of each PNG colour type.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# First column and row of each Adam7 pass, and the steps between columns and rows.
_ADAM7 = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_LARGEST_PROFILE = 16 * 2**20
_PIECE = 2**16
# A marker that ends a scan: neither a stuffed zero nor a restart marker.
_AFTER_SCAN = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL)
# Decoding time grows with the number of scans of a JPEG. Encoders write about ten.
MOST_SCANS = 100
# Maximum number of segments that are read to count scans, and the marker of a scan.
SCAN_STEPS = 1000
SCAN = b"\xff\xda"
# Not followed by a segment: stuffed zeros, fill bytes, restart markers and TEM.
BARE = (0x00, 0x01, *range(0xD0, 0xD8), 0xFF)
_SEGMENT = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)


class DamagedFileError(ValueError):
    """A file that is truncated or damaged; the message says where."""


class UnknownFormError(ValueError):
    """An intact file in a form that only some decoders support."""


def orientation(encoded: bytes) -> int:
    """Returns the Exif orientation of a PNG or JPEG, 1 to 8; 1 (no rotation) without Exif.

    Reads the first Exif segment before the scan of a JPEG, or the first eXIf chunk before the pixel
    data of a PNG.
    """
    return exif_orientation(_jpeg_exif(encoded) or _png_exif(encoded))


def exif_orientation(block: bytes) -> int:
    """Returns the orientation of an Exif block that starts with its byte order; 1 if damaged."""
    kinds: dict[bytes, Literal["little", "big"]] = {LITTLE_ENDIAN: "little", BIG_ENDIAN: "big"}
    order = kinds.get(block[:4])
    if order is None:
        return 1

    def number(at: int, length: int) -> int:
        return int.from_bytes(block[at : at + length], order)

    start = number(4, 4)
    entries = range(start + 2, start + 2 + 12 * number(start, 2), 12)
    if entries.stop > len(block):
        return 1
    at = next((entry for entry in entries if number(entry, 2) == ORIENTATION), None)
    if at is None or number(at + 2, 2) != SHORT or number(at + 4, 4) != 1:
        return 1
    value = number(at + 8, 2)
    return value if 1 <= value <= 8 else 1


def _jpeg_exif(encoded: bytes) -> bytes:
    at = 2 if encoded.startswith(JPEG_MAGIC) else len(encoded)
    for _ in range(EXIF_STEPS):
        head = encoded[at : at + 10]
        if len(head) < 4 or head[0] != 0xFF:
            break
        if head[1] == 0xFF:  # Fill bytes may precede a marker.
            at += 1
            continue
        length = int.from_bytes(head[2:4], "big")
        if not _has_length(head[1]) or length < 2:
            break
        if head[1] == 0xE1 and head[4:] == EXIF_HEAD:
            return encoded[at + 10 : at + 2 + length]
        at += 2 + length
    return b""


def _has_length(marker: int) -> bool:
    """Whether a segment follows the marker, other than a scan."""
    return marker >= 0xC0 and not 0xD0 <= marker <= 0xDA


def _png_exif(encoded: bytes) -> bytes:
    at = 8 if encoded.startswith(PNG_MAGIC) else len(encoded)
    for _ in range(EXIF_STEPS):
        head = encoded[at : at + 8]
        if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
            break
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"eXIf":
            return encoded[at + 8 : at + 8 + length]
        at += 12 + length
    return b""


class Png(NamedTuple):
    """A PNG with intact chunks.

    Attributes:
      width, height: in pixels. depth: bits of a sample. colour: PNG's colour type.
      interlaced: whether it uses Adam7 interlacing.
      entries: number of palette entries, 0 without a palette.
      essential: the file with only the chunks that decide the pixels and the orientation; the given
        object itself if there are no others.
      data: the pieces of the compressed pixel data.
      profile: ICC profile, empty if there is none; damaged if its chunk is.
      frames: number of frames of an animation, else 1.
    """

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    entries: int
    essential: bytes
    data: tuple[memoryview, ...]
    profile: bytes
    frames: int


def read_png(encoded: bytes) -> Png:
    """Reads the chunks of a PNG; `check_pixel_data` checks its pixel data.

    Raises:
      DamagedFileError: it violates the format.
      UnknownFormError: it has a critical chunk that is not in the standard.
    """
    chunks = list(_chunks(encoded))
    kinds = [kind for kind, _ in chunks]
    if kinds[:1] != [b"IHDR"] or kinds.count(b"IHDR") > 1 or len(chunks[0][1]) != 25:
        raise DamagedFileError("its first chunk, and only that, must be IHDR")
    _check_critical(kinds)
    width, height, depth, colour, *methods, interlace = _HEADER.unpack(chunks[0][1][8:21])
    right = 0 < width < 2**31 and 0 < height < 2**31 and depth in _DEPTHS.get(colour, ())
    if not right or any(methods) or interlace > 1:
        raise DamagedFileError("its header IHDR holds values that no PNG has")
    data = tuple(content[8:-4] for kind, content in chunks if kind == b"IDAT")
    # Keep the first chunk of each kind.
    before = dict(reversed(chunks[: kinds.index(b"IDAT")]))
    palette = len(before.get(b"PLTE", b"")) - 12 if colour == 3 else 0
    if palette < 0 or palette > 3 * 256 or palette % 3 or (colour == 3 and not palette):
        raise DamagedFileError("it has colours of a palette and no palette")
    entries = palette // 3
    parts: list[bytes | memoryview] = [PNG_MAGIC, chunks[0][1], _exif_chunk(orientation(encoded))]
    parts += [before[b"PLTE"]] if entries else []
    parts += [before[b"tRNS"]] if _has_transparency(before, colour, entries) else []
    parts += [content for kind, content in chunks if kind == b"IDAT"]
    essential = b"".join([*parts, chunks[-1][1]])
    return Png(
        width=width,
        height=height,
        depth=depth,
        colour=colour,
        interlaced=bool(interlace),
        entries=entries,
        essential=encoded if essential == encoded else essential,
        data=data,
        profile=_png_profile(bytes(before.get(b"iCCP", b"")[8:-4])),
        frames=int.from_bytes(before.get(b"acTL", b"")[8:12], "big") or 1,
    )


def _chunks(encoded: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yields the kind and all bytes of each chunk."""
    view, at, kind = memoryview(encoded), 8, b""
    while kind != b"IEND":
        head = encoded[at : at + 8]
        end = at + 12 + int.from_bytes(head[:4], "big")
        if len(head) < 8 or end > len(encoded):
            raise DamagedFileError("it ends before its last chunk IEND does")
        kind = head[4:]
        if not kind.isalpha() or zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(
            view[end - 4 : end], "big"
        ):
            raise DamagedFileError(f"the checksum of its chunk {kind!r} is wrong")
        yield kind, view[at:end]
        at = end


def _check_critical(kinds: list[bytes]) -> None:
    unknown = [kind for kind in kinds if kind[:1].isupper() and kind not in _CRITICAL]
    if b"CgBI" in kinds:
        raise UnknownFormError("a PNG in the form of Apple's apps (chunk CgBI)")
    if unknown:
        raise UnknownFormError(f"a PNG with the chunk {unknown[0].decode()}, which no standard has")
    if b"IDAT" not in kinds:
        raise DamagedFileError("it has no pixel data")
    first = kinds.index(b"IDAT")
    if set(kinds[first : first + kinds.count(b"IDAT")]) != {b"IDAT"}:
        raise DamagedFileError("other chunks stand between its pixel data")


def _has_transparency(before: Mapping[bytes, memoryview], colour: int, entries: int) -> bool:
    """Whether there is a valid tRNS chunk; decoders ignore others."""
    length = len(before.get(b"tRNS", b"")) - 12
    return {0: length == 2, 2: length == 6, 3: 0 < length <= entries}.get(colour, False)


def _exif_chunk(turn: int) -> bytes:
    """Returns an eXIf chunk with only an orientation; b"" for 1."""
    if turn == 1:
        return b""
    content = struct.pack(">4sIHHHIHHI", BIG_ENDIAN, 8, 1, ORIENTATION, SHORT, 1, turn, 0, 0)
    body = b"eXIf" + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def _png_profile(chunk: bytes) -> bytes:
    if not chunk:
        return b""
    packed = chunk.partition(b"\0")[2][1:]
    try:
        profile = zlib.decompressobj().decompress(packed, _LARGEST_PROFILE)
    except zlib.error:
        profile = b""
    return profile or b"damaged"


def check_pixel_data(png: Png) -> bool:
    """Decompresses the pixel data in pieces and checks that they are complete.

    Returns:
      Whether nothing follows the last pixel; decoders differ on extra data.

    Raises:
      DamagedFileError: they are damaged or end early.
    """
    unpack, left = zlib.decompressobj(), b""
    # In small pieces: zlib copies the remaining input on each call.
    pieces = (part[at : at + _PIECE] for part in png.data for at in range(0, len(part), _PIECE))

    def read(length: int) -> bytes:
        """Returns the next bytes, fewer at the end."""
        nonlocal left
        found = bytearray()
        while len(found) < length and not unpack.eof:
            packed: bytes | memoryview | None = left or next(pieces, None)
            found += unpack.decompress(packed or b"", length - len(found))
            left = unpack.unconsumed_tail
            if packed is None:
                break
        return bytes(found)

    try:
        for length, rows in _scan_lines(png):
            many = max(1, _PIECE // length)
            for row in range(0, rows, many):
                wanted = length * min(many, rows - row)
                found = read(wanted)
                if len(found) < wanted:
                    raise DamagedFileError("its pixel data end early")
                if max(found[::length]) > 4:
                    raise DamagedFileError("its pixel data are damaged: there is no such filter")
        more = read(1)
    except zlib.error as error:
        raise DamagedFileError(f"its pixel data are damaged: {error}") from None
    return unpack.eof and not (more or unpack.unused_data or next(pieces, None))


def _scan_lines(png: Png) -> Iterator[tuple[int, int]]:
    """Yields, for each pass, the length of a row in bytes with its filter, and the number of
    rows."""
    bits = png.depth * _SAMPLES[png.colour]
    for x, y, across, down in _ADAM7 if png.interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(png.width - x) // across), -(-(png.height - y) // down)
        if columns > 0 and rows > 0:
            yield 1 + -(-columns * bits // 8), rows


def check_scans(encoded: bytes) -> None:
    """Checks that a JPEG, intact or damaged, does not take minutes to decode.

    Goes from marker to marker like decoders, which skip bytes between two segments.

    Raises:
      UnknownFormError: it has more than `MOST_SCANS` scans.
    """
    # An upper bound: embedded pictures, or a film after the end, may contain the same bytes.
    if encoded.count(SCAN) <= MOST_SCANS:
        return
    at, scans = 2, 0
    for _ in range(SCAN_STEPS):
        found = _SEGMENT.search(encoded, at)
        if found is None or found[1] == b"\xd9":
            return
        scans += found[0] == SCAN
        if scans > MOST_SCANS:
            break
        at = found.end() + int.from_bytes(encoded[found.end() : found.end() + 2], "big")
    if scans > MOST_SCANS or at < len(encoded):
        raise UnknownFormError(f"a JPEG of more than {MOST_SCANS} scans or {SCAN_STEPS} segments")


def is_plain_jpeg(encoded: bytes) -> bool:
    """Whether a JPEG is complete and of a kind that all decoders decode in the same way.

    That is: sequential or progressive with Huffman codes, 8 bits, grey or three components, and
    scans that contain every component in full.

    Raises:
      DamagedFileError: it ends before its end marker.
    """
    at, frame = 2, b""
    scans: list[bytes] = []
    while True:
        if encoded[at : at + 1] != b"\xff":
            if at >= len(encoded):
                raise DamagedFileError("it ends before its end marker")
            return False
        marker = encoded[at + 1 : at + 2]
        if marker == b"\xff":
            at += 1
            continue
        if marker == b"\xd9":
            return _gives_all(frame, scans)
        length = int.from_bytes(encoded[at + 2 : at + 4], "big")
        segment = encoded[at + 4 : at + 2 + length]
        if len(segment) < length - 2 or len(marker) < 1:
            raise DamagedFileError("it ends before its end marker")
        if length < 2 or not _is_plain_segment(marker[0]) or (frame and marker in _FRAMES):
            return False
        at += 2 + length
        if marker in _FRAMES:
            frame = marker + segment
        if marker == b"\xda":
            scans.append(segment)
            end = _AFTER_SCAN.search(encoded, at)
            if end is None:
                raise DamagedFileError("it ends before its end marker")
            at = end.end() - 2


# Baseline, extended sequential and progressive.
_FRAMES = (b"\xc0", b"\xc1", b"\xc2")


def _is_plain_segment(marker: int) -> bool:
    """Whether it is a frame, a table, a scan, a restart interval, application data or a comment."""
    return marker in (0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD, 0xFE) or 0xE0 <= marker <= 0xEF


def _gives_all(frame: bytes, scans: list[bytes]) -> bool:
    """Whether the scans contain every bit of every coefficient of every component.

    Args:
      frame: marker and content of the frame header, empty without one.
      scans: content of each scan header.
    """
    if len(frame) < 7 or frame[1] != 8 or frame[6] not in (1, 3) or len(frame) != 7 + 3 * frame[6]:
        return False
    # Bits that each component's coefficients still lack; -1 before the first scan.
    lacking = {component: [-1] * 64 for component in frame[7::3]}
    for scan in scans:
        count = scan[0] if scan else 0
        if not count or len(scan) != 4 + 2 * count:
            return False
        first, last, bits = scan[-3:]
        for component in scan[1 : 1 + 2 * count : 2]:
            if component not in lacking or not first <= last < 64:
                return False
            lacking[component][first : last + 1] = [bits & 15] * (last + 1 - first)
    return len(lacking) == frame[6] and not any(map(any, lacking.values()))
