"""Rows of a captioned folder with everything wrong in them, and the files that they name."""

import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image

SIDE = 30_000


def huge_png() -> bytes:
    """Returns a whole, valid 30,000 x 30,000 PNG of one bit per pixel in about 100 kB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    packer = zlib.compressobj(1)
    row = bytes(1 + SIDE // 8)
    body = b"".join(packer.compress(row * 1000) for _ in range(SIDE // 1000)) + packer.flush()
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def frames(count: int, name: str) -> bytes:
    pictures = [Image.new("RGB", (16, 16), (40 * place, 0, 0)) for place in range(count)]
    target = io.BytesIO()
    pictures[0].save(target, name, save_all=True, append_images=pictures[1:])
    return target.getvalue()


def row(image: object, captions: object = ("a dog",), **more: object) -> bytes:
    captions = list(captions) if isinstance(captions, tuple) else captions
    return json.dumps({"image": image, "captions": captions, **more}).encode()


# A line of captions.jsonl, and what becomes of it: None for a picture that stays.
LINES = [
    (row("good.png", split="train"), None),
    (row("gone.png"), "missing_file"),
    (row("cut.jpg"), "undecodable_image"),
    (row("cut.png"), "undecodable_image"),
    (row("text.png"), "not_an_image"),
    (row("fine1.png", ("",)), "empty_caption"),
    (row("fine1.png", (" \x00\t ",)), "empty_caption"),
    (row("huge.png"), "decompression_bomb"),
    (row("../outside.png"), "outside_folder"),
    (row("ABSOLUTE"), "outside_folder"),
    (row("link.png"), "outside_folder"),
    (b'{"image": "fine1.png", "captions": ["\xff\xfe"]}', "invalid_utf8"),
    (b'{"image": "fine1.png", "captions": ["\\ud800"]}', "invalid_utf8"),
    (row("copy.png", split="test"), "duplicate_across_splits"),
    (row("copy.bmp", split="train"), "duplicate"),
    (row("empty.png"), "empty_file"),
    (b'{"image": "fine1.png", "captions": [', "malformed_row"),
    (b'{"captions": ["a dog"]}', "malformed_row"),
    (b"[1, 2]", "wrong_type"),
    (row(7), "wrong_type"),
    (row("fine1.png", {"of": "a dog"}), "wrong_type"),
    (row("fine1.png", (3,)), "wrong_type"),
    (row("fine1.png", attributes="red"), "wrong_type"),
    (row("fine1.png", colour="red"), "unknown_key"),
    (row("fine1.png", split="holdout"), "unknown_split"),
    (row("moving.gif"), "animated"),
    (row("moving.png"), "animated"),
    (row("moving.webp"), "animated"),
    (row("print.jpg"), "cmyk"),
    (row("strip.png"), "extreme_shape"),
    (row("folder.png"), "missing_file"),
    (row("loop.png"), "missing_file"),
    (row("x" * 5000 + ".png"), "missing_file"),
    (row("fine1.png", ("a cat", "", "x" * 5000)), None),
    (row("still.webp"), None),
    (row("still.gif"), None),
    (row("deep.png"), None),
    (row("clear.png"), None),
    (row("palette.png"), None),
    (row("./sub/../fine2.png"), None),
]


def write_files(folder: Path) -> None:
    """Makes the pictures that `LINES` name in `folder`, and one beside it."""
    make = {
        name: Image.effect_noise((32, 32), 90 + 7 * place).convert("RGB")
        for place, name in enumerate(
            (
                "good.png",
                "fine1.png",
                "fine2.png",
                "still.webp",
                "still.gif",
                "cut.jpg",
                "cut.png",
                "outside.png",
            )
        )
    }
    for name, image in make.items():
        image.save(folder / name)
    (folder / "outside.png").rename(folder.parent / "outside.png")
    for name in ("cut.jpg", "cut.png"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("this is no picture at all\n" * 20)
    (folder / "huge.png").write_bytes(huge_png())
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "folder.png").mkdir()
    (folder / "copy.png").write_bytes((folder / "good.png").read_bytes())
    make["good.png"].save(folder / "copy.bmp")
    (folder / "empty.png").touch()
    for name in ("gif", "png", "webp"):
        (folder / f"moving.{name}").write_bytes(frames(3, name))
    make["good.png"].convert("CMYK").save(folder / "print.jpg")
    Image.new("RGB", (2000, 4)).save(folder / "strip.png")
    Image.effect_noise((20, 20), 50).convert("I;16").save(folder / "deep.png")
    make["fine1.png"].convert("RGBA").resize((20, 20)).save(folder / "clear.png")
    make["fine2.png"].resize((20, 20)).quantize(16).save(folder / "palette.png")


def caption_lines(folder: Path) -> bytes:
    """Returns `LINES` as the content of a captions.jsonl in `folder`."""
    content = b"\n".join(line for line, _ in LINES)
    return content.replace(b"ABSOLUTE", str(folder.parent / "outside.png").encode())
