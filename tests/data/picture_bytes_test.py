"""What the bytes of a picture file say before anything is decoded."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from data.picture_bytes import (
    EXIF_STEPS,
    DamagedFileError,
    UnknownFormError,
    check_pixel_data,
    check_scans,
    exif_orientation,
    is_plain_jpeg,
    orientation,
    read_png,
)
from tests.data.picture_builders import (
    chunks,
    encode,
    exif,
    of_many_scans,
    png_of,
    scans,
    with_chunk,
    with_exif,
    with_segment,
)

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (19, 23, 3), dtype=np.uint8))
PNG, JPEG = encode(NOISE, "PNG"), encode(NOISE, "JPEG")
SLICED = png_of(
    [
        chunks(PNG)[0],
        *((b"IDAT", bytes([byte])) for byte in chunks(PNG)[1][1]),
        chunks(PNG)[-1],
    ]
)


MANY_SCANS = of_many_scans()


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", range(1, 9))
def test_all_orientations_in_both_byte_orders(value, order):
    block = exif(value, order)
    assert exif_orientation(block) == value
    assert orientation(with_exif(PNG, block)) == value
    assert orientation(with_exif(JPEG, block)) == value


@pytest.mark.parametrize(
    "block",
    [
        b"",
        exif(6)[:-8],
        b"XX" + exif(6)[2:],
        exif(0),
        exif(9),
        exif(6, kind=4),
        exif(6, count=2),
        exif(6, tags=(0x0110,)),
        exif(6)[:4] + b"\xff\xff\xff\xff" + exif(6)[8:],
        exif(6)[:8] + b"\xff\xff" + exif(6)[10:],
    ],
)
def test_damaged_and_silent_exif_is_orientation_1(block):
    assert exif_orientation(block) == 1
    assert orientation(with_exif(PNG, block)) == orientation(with_exif(JPEG, block)) == 1


def test_the_first_exif_before_the_pixels_counts():
    assert exif_orientation(exif(3, tags=(0x0110, 0x0112, 0x0112))) == 3
    assert orientation(with_exif(with_exif(JPEG, exif(3)), exif(8))) == 8
    late = with_chunk(PNG, b"eXIf", exif(6), place=2)
    assert orientation(late) == 1
    filled = with_exif(JPEG, exif(6))
    assert orientation(filled[:2] + b"\xff\xff\xff" + filled[2:]) == 6


def test_exif_is_looked_for_in_so_many_pieces():
    png, jpeg = with_exif(PNG, exif(6)), with_exif(JPEG, exif(6))
    for _ in range(EXIF_STEPS - 2):
        png, jpeg = with_chunk(png, b"teXt", b""), with_segment(jpeg, 0xFE, b"")
    assert orientation(png) == orientation(jpeg) == 6
    png, jpeg = (with_chunk(png, b"teXt", b""), with_segment(jpeg, 0xFE, b""))
    jpeg = with_segment(jpeg, 0xFE, b"")
    assert orientation(png) == orientation(jpeg) == 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_plain_png_is_its_own_essence(mode):
    image = NOISE.convert("L").convert(mode) if mode == "I;16" else NOISE.convert(mode)
    given = encode(image, "PNG")
    png = read_png(given)
    assert check_pixel_data(png)
    assert png.essential is given and (png.width, png.height, png.frames) == (23, 19, 1)


def test_the_pixel_data_may_be_sliced_and_interlaced():
    assert check_pixel_data(read_png(SLICED))
    # Of Adam7's passes, four have pixels of a picture of 3 x 2: 1, 1, 1 and 3 in a row.
    rows = b"".join(bytes(1 + 3 * columns) for columns in (1, 1, 1, 3))
    header = (b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 1))
    interlaced = png_of([header, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])
    assert check_pixel_data(read_png(interlaced))
    short = png_of([header, (b"IDAT", zlib.compress(rows[:-1])), (b"IEND", b"")])
    with pytest.raises(DamagedFileError, match="end early"):
        check_pixel_data(read_png(short))


def test_what_says_nothing_of_the_pixels_is_left_out():
    chatty = with_chunk(with_chunk(PNG, b"tEXt", b"a\0b"), b"gAMA", struct.pack(">I", 45455))
    assert read_png(chatty + b"more").essential == PNG
    turned = read_png(with_exif(chatty, exif(6, "<") + bytes(9_000_000))).essential
    assert len(turned) < len(PNG) + 60 and orientation(turned) == 6
    assert read_png(with_exif(PNG, exif(1))).essential == PNG


def raw(parts, place):
    return zlib.decompress(parts[place][1])


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda parts: parts[1:], DamagedFileError, "IHDR"),
        (lambda parts: [(b"prVt", bytes(13)), *parts], DamagedFileError, "IHDR"),
        (lambda parts: [parts[0], *parts], DamagedFileError, "IHDR"),
        (lambda parts: [(b"IHDR", parts[0][1][:8] + b"\x07" + parts[0][1][9:]), *parts[1:]],
         DamagedFileError, "values"),
        (lambda parts: [(b"IHDR", bytes(8) + parts[0][1][8:]), *parts[1:]],
         DamagedFileError, "values"),
        (lambda parts: [parts[0], parts[-1]], DamagedFileError, "no pixel data"),
        (lambda parts: parts[:-1], DamagedFileError, "IEND"),
        (lambda parts: [*parts[:-1], (b"tEXt", b"a\0b"), parts[1], parts[-1]],
         DamagedFileError, "between"),
        (lambda parts: [parts[0], (b"CgBI", bytes(4)), *parts[1:]], UnknownFormError, "Apple"),
        (lambda parts: [parts[0], (b"ABCD", b""), *parts[1:]], UnknownFormError, "ABCD"),
        (lambda parts: [(b"IHDR", parts[0][1][:9] + b"\x03" + parts[0][1][10:]), *parts[1:]],
         DamagedFileError, "palette"),
        (lambda parts: [parts[0], (b"IDAT", zlib.compress(raw(parts, 1)[:-1])), parts[-1]],
         DamagedFileError, "end early"),
        (lambda parts: [parts[0], (b"IDAT", zlib.compress(b"\x05" + raw(parts, 1)[1:])), parts[-1]],
         DamagedFileError, "filter"),
        (lambda parts: [parts[0], (b"IDAT", parts[1][1][:-1] + b"x"), parts[-1]],
         DamagedFileError, "incorrect data check"),
    ],
)  # fmt: skip
def test_a_png_that_breaks_the_rules_is_named(change, error, said):
    with pytest.raises(error, match=said):
        check_pixel_data(read_png(png_of(change(chunks(PNG)))))


@pytest.mark.parametrize(
    "change",
    [
        lambda packed: zlib.compress(zlib.decompress(packed) + b"x"),
        lambda packed: packed[:-4],
        lambda packed: packed + b"x",
    ],
)
def test_pixel_data_that_do_not_end_with_the_pixels_are_told(change):
    header, (_, packed), end = chunks(PNG)
    assert check_pixel_data(read_png(PNG))
    assert not check_pixel_data(read_png(png_of([header, (b"IDAT", change(packed)), end])))


def test_a_wrong_checksum_and_a_cut_are_named():
    with pytest.raises(DamagedFileError, match="checksum of its chunk b'IEND'"):
        read_png(PNG[:-1] + b"x")
    for length in range(8, len(PNG)):
        with pytest.raises(DamagedFileError, match="ends before"):
            read_png(PNG[:length])


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 1}]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_usual_jpegs_are_plain_and_must_be_whole(mode, options):
    jpeg = encode(NOISE.convert(mode), "JPEG", **options)
    assert is_plain_jpeg(jpeg) and is_plain_jpeg(jpeg + b"more")
    assert is_plain_jpeg(with_exif(jpeg, b"\xff\xd9"))
    for length in (len(jpeg) - 1, len(jpeg) - 2, len(jpeg) // 2, 30):
        with pytest.raises(DamagedFileError):
            is_plain_jpeg(jpeg[:length])


def test_a_progressive_jpeg_without_its_last_scan_is_not_plain():
    jpeg = encode(NOISE, "JPEG", progressive=True)
    assert not is_plain_jpeg(jpeg[: scans(jpeg)[-1]] + b"\xff\xd9")


def test_jpegs_of_other_kinds_are_not_plain():
    frame = JPEG.index(b"\xff\xc0")
    assert not is_plain_jpeg(encode(NOISE.convert("CMYK"), "JPEG"))
    assert not is_plain_jpeg(JPEG[: frame + 1] + b"\xc9" + JPEG[frame + 2 :])
    assert not is_plain_jpeg(JPEG[: frame + 4] + b"\x0c" + JPEG[frame + 5 :])
    assert not is_plain_jpeg(JPEG[:2] + b"\0" + JPEG[2:])
    twice = JPEG[frame : JPEG.index(b"\xff\xc4")]
    assert not is_plain_jpeg(JPEG[:frame] + twice + JPEG[frame:])


@pytest.mark.parametrize("name", MANY_SCANS)
def test_scans_are_counted_and_nothing_that_looks_like_one(name):
    jpeg, is_endless = MANY_SCANS[name]
    if is_endless:
        with pytest.raises(UnknownFormError, match="scans"):
            check_scans(jpeg)
    else:
        check_scans(jpeg)
