"""Random folders of pictures and captions, with what goes wrong in those of people."""

# Paths are text here, and may hold what no path should.
# ruff: noqa: PTH118, PTH119, PTH122

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import os
import tarfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

_FOLDERS = ("", "", "a", "A", "images", "train", "val", "test", "validation", "b c", "x[1]", ".git")
_FOLDERS += (
    "été",
    "e\u0301te\u0301",
    "图片",
    "a/b",
    "train/deep",
    "*",
    "-o",
    "data",
    "annotations",
)
# Where pictures and captions are looked for.
_SEARCHED = ("images", "Images", "train", "val", "test", "data", "annotations")
_STEMS = ("1", "2", "3", "IMG_1", "img_1", "é", "e\u0301", "猫", "a b", "a'b", "a,b", "a\\b", "#1")
_STEMS += ("?", "x.y", "-", "1;2", "\u202e", "ſ", "ß", ".hidden", "train", "\udcff")
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".JPG": "JPEG", ".jpeg": "JPEG", ".gif": "GIF"}
_FORMATS |= {".bmp": "BMP", ".webp": "WEBP", ".tif": "TIFF"}
_OTHERS = (".heic", ".psd", "", ".db", ".md", ".jfif", ".caption", ".txt", ".json", ".csv", ".npy")
_TEXTS = ("a dog", "", " ", "一只猫", "Ein Hund mit einem Ball", "赤い猫がいる", 'say "x"', "a, b")
_TEXTS += (
    "a\tb",
    "a;b",
    "\x00",
    "x" * 5000,
    "see 2.png",
    "<b>",
    "\u2028",
    "é\u0301",
    "'",
    "\ud800",
)
_ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "gbk")
_PACKINGS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("", bytes),
    (".gz", gzip.compress),
    (".xz", lzma.compress),
    (".zst", lambda content: pa.compress(content, "zstd", asbytes=True)),
)
_SPLITS = ("train", "val", "test", "validation", "dev", "", None, "holdout", 7)
_ANYTHING = (None, 3, 1.5, True, "x", [], {}, [["a"]], {"a": {"b": 1}}, "1e999", -1)


def make(random: Random, root: Path) -> None:
    """Makes a data set of a random layout in `root`, an empty folder."""
    pictures = _pictures(random, root)
    layouts: list[Callable[[Random, Path, list[str]], None]] = [_texts, _texts, _table, _table]
    layouts += [_table, _lines, _lines, _coco, _json_list, _split_folders, _tar, _lists, _arrow]
    layouts += [_kohya]
    for layout in random.sample(layouts, random.choice((1, 1, 1, 2, 0))):
        layout(random, root, pictures)
    for _ in range(random.choice((0, 0, 1, 3))):
        _odd_file(random, root)


def damage(random: Random, content: bytes) -> bytes:
    """Returns `content` cut short, or with a few bytes changed, put in or taken out."""
    held = bytearray(content)
    for _ in range(random.randrange(1, 4)):
        place = random.randrange(len(held) + 1)
        kind = random.randrange(4)
        if kind == 0:
            del held[place:]
        elif kind == 1:
            held[place : place + 1] = random.randbytes(1)
        elif kind == 2:
            held[place:place] = random.choice(
                (b'"', b"\n", b"\r", b"\0", b"\xff", b",", b"{", b"]")
            )
        else:
            del held[place : place + random.randrange(9)]
    return bytes(held)


def _write(random: Random, path: Path, content: bytes) -> None:
    """Writes a file as far as its name is free; seldom damaged, or without the right to read it."""
    if random.random() < 0.06:
        content = damage(random, content)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError:
        return
    if random.random() < 0.01:
        path.chmod(0)


def _picture(random: Random, ending: str) -> bytes:
    side = random.choice((1, 3, 8, 8, 8, 40))
    colour = tuple(random.randrange(256) for _ in range(3))
    made = Image.new("RGB", (side, random.choice((side, side, 2 * side, 30 * side))), colour)
    mode = random.choice(("RGB", "RGB", "L", "1", "P", "CMYK", "RGBA", "I;16"))
    target = io.BytesIO()
    try:
        made.convert("L").convert(mode).save(target, _FORMATS[ending])
    except (OSError, ValueError):
        target = io.BytesIO()
        made.save(target, _FORMATS[ending])
    return target.getvalue()


def _pictures(random: Random, root: Path) -> list[str]:
    """Writes pictures; returns their names, and some that are not there."""
    folders = random.sample(_FOLDERS, random.randrange(1, 4))
    names = []
    for _ in range(random.choice((0, 1, 3, 12, 30))):
        ending = random.choice(list(_FORMATS))
        names.append(os.path.join(random.choice(folders), random.choice(_STEMS) + ending))
    held = [_picture(random, ".png")]
    for name in names:
        if random.random() < 0.9:
            content = _picture(random, os.path.splitext(name)[1])
            held.append(content)
            # Copies, and pictures with the ending of another format.
            _write(random, root / name, random.choice(held) if random.random() < 0.1 else content)
    return names or ["1.png"]


def _odd_file(random: Random, root: Path) -> None:
    folder = root / random.choice(_FOLDERS)
    path = folder / f"{random.choice(_STEMS)}{random.choice((*_OTHERS, '.png'))}"
    if random.random() < 0.3:
        path = root / random.choice(_SEARCHED)
    elsewhere = root.parent / f"{root.name}-elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "1.png").write_bytes(_picture(random, ".png"))
    (elsewhere / "1.txt").write_text("a cat")
    (elsewhere / "metadata.jsonl").write_text('{"file_name": "1.png", "text": "a cat"}')
    targets = (elsewhere, elsewhere / "1.png", "nowhere.png", path.name, "..", root, "1.png", "a")
    kind = random.randrange(5)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if kind < 3:
            path.symlink_to(random.choice(targets))
        elif kind == 3:
            os.mkfifo(path)
        else:
            _write(random, path, random.randbytes(random.randrange(99)))
    except OSError:
        return


def _as_written(random: Random, root: Path, name: str) -> Any:
    """Returns a picture's name as a table of another system may have it."""
    forms: tuple[Callable[[], Any], ...] = (
        lambda: unicodedata.normalize("NFC", name),
        lambda: unicodedata.normalize("NFD", name),
        lambda: name.replace("/", "\\"),
        lambda: str(root / name),
        lambda: f"./{name}",
        name.swapcase,
        lambda: os.path.basename(name),
        lambda: f"../{root.name}/{name}",
        lambda: f"C:\\{name}",
        lambda: random.choice(_ANYTHING),
        lambda: f" {name}",
    )
    return random.choice(forms)() if random.random() < 0.4 else name


def _text(random: Random) -> str:
    return random.choice(_TEXTS) if random.random() < 0.3 else f"a thing {random.randrange(99)}"


def _encoded(random: Random, text: str) -> bytes:
    return text.encode(random.choice(_ENCODINGS), random.choice(("replace", "backslashreplace")))


def _texts(random: Random, root: Path, pictures: list[str]) -> None:
    """A text file for each picture, most of them."""
    ending = random.choice((".txt", ".txt", ".caption", ".TXT"))
    for name in pictures:
        if random.random() < 0.9:
            stem = os.path.splitext(name)[0]
            stem = stem.swapcase() if random.random() < 0.1 else stem
            lines = (_text(random) for _ in range(random.choice((1, 1, 1, 3, 0))))
            _write(random, root / f"{stem}{ending}", _encoded(random, "\n".join(lines)))


def _record(random: Random, root: Path, name: str) -> Any:
    record = {
        random.choice(("image", "image", "file_name", "path", "img")): _as_written(
            random, root, name
        ),
        random.choice(("captions", "caption", "text", "sentences")): random.choice(
            (_text(random), [_text(random), _text(random)], random.choice(_ANYTHING))
        ),
    }
    for key, values in (
        ("split", _SPLITS),
        ("language", ("en", "zh", ["en"], "in English", 3)),
        ("attributes", (["a:b"], {"a": "b"}, "a:b; c:d", 3)),
        ("other", _ANYTHING),
        ("caption_de", ("ein Hund", ["ein", "zwei"], 3)),
        ("zh", ("一只狗", None)),
        ("caption_id", (3, "seekor anjing")),
    ):
        if random.random() < 0.15:
            record[key] = random.choice(values)
    return record if random.random() < 0.95 else random.choice(_ANYTHING)


def _records(random: Random, root: Path, pictures: list[str]) -> list[Any]:
    more = random.choices(pictures, k=random.choice((0, 0, 5)))
    return [_record(random, root, name) for name in (*pictures, *more)]


def _lines(random: Random, root: Path, pictures: list[str]) -> None:
    name = random.choice(("captions.jsonl", "metadata.jsonl", "captions.ndjson", "train.jsonl"))
    _write_lines(random, root / name, _records(random, root, pictures))


def _write_lines(random: Random, path: Path, records: list[Any]) -> None:
    lines = (json.dumps(one, ensure_ascii=random.random() < 0.5) for one in records)
    _write(random, path, _encoded(random, random.choice(("\n", "\r\n")).join(lines)))


def _table(random: Random, root: Path, pictures: list[str]) -> None:
    columns = random.choice((("image", "caption"), ("file_name", "text"), ("image", "caption1")))
    columns += random.choice(((), (), ("split",), ("language", "split"), ("", "x"), ("caption",)))
    target = io.StringIO()
    delimiter = random.choice((",", ",", ";", "\t", "|"))
    quoting = random.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    writer = csv.writer(target, delimiter=delimiter, quoting=quoting)
    if random.random() < 0.9:
        writer.writerow(columns)
    for name in pictures:
        cells = [str(_as_written(random, root, name))]
        while len(cells) < len(columns) + random.choice((0, 0, 0, 0, 1, -1)):
            cells.append(str(random.choice((_text(random), random.choice(_SPLITS)))))
        writer.writerow(cells)
    name = random.choice(("captions.csv", "captions.tsv", "metadata.csv", "captions.txt", "x.csv"))
    _write(random, root / name, _encoded(random, target.getvalue()))


def _coco(random: Random, root: Path, pictures: list[str]) -> None:
    images: list[Any] = [
        {"id": place, "file_name": _as_written(random, root, name)}
        for place, name in enumerate(pictures)
    ]
    images += random.sample(_ANYTHING, random.choice((0, 0, 1)))
    notes: list[Any] = [
        {"image_id": random.randrange(len(pictures) + 1), "caption": _text(random)}
        for _ in range(2 * len(pictures))
    ]
    notes += random.sample(_ANYTHING, random.choice((0, 0, 1)))
    content = {"images": images, "annotations": notes}
    name = random.choice(("captions_train2017.json", "captions_val2017.json", "x.json"))
    place = root / random.choice(("annotations", "")) / name
    _write(random, place, _encoded(random, json.dumps(content)))


def _json_list(random: Random, root: Path, pictures: list[str]) -> None:
    held: Any = _records(random, root, pictures)
    held = random.choice((held, {"images": held}, {"data": held}))
    name = random.choice(("captions.json", "dataset_x.json", "train.json"))
    _write(random, root / name, _encoded(random, json.dumps(held)))


def _split_folders(random: Random, root: Path, pictures: list[str]) -> None:
    for split in random.sample(("train", "val", "test", "validation", "other"), 2):
        for place in range(random.randrange(1, 9)):
            _write(random, root / split / f"{place}.png", _picture(random, ".png"))
        names = [f"{place}.png" for place in range(6)]
        records = _records(random, root / split, names)
        _write_lines(random, root / split / "metadata.jsonl", records)


def _tar(random: Random, root: Path, pictures: list[str]) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for place in range(random.randrange(6)):
            for ending in random.sample((".png", ".txt", ".json", ".cls"), 2):
                content = _picture(random, ".png") if ending == ".png" else b"a dog"
                member = tarfile.TarInfo(f"{place:04}{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    ending, pack = random.choice(_PACKINGS)
    _write(random, root / f"00000.tar{ending}", pack(target.getvalue()))


def _lists(random: Random, root: Path, pictures: list[str]) -> None:
    """A table and lists of the pictures of each split; some stand in two, or in none."""
    _table(random, root, pictures)
    form = random.choice(("{}.txt", "Flickr_8k.{}Images.txt", "splits/{}.txt"))
    for split in random.sample(("train", "dev", "test"), random.choice((1, 2, 3))):
        held = random.sample(pictures, random.randrange(len(pictures) + 1))
        names = (os.path.splitext(one)[0] if random.random() < 0.3 else one for one in held)
        _write(random, root / form.format(split), "\n".join(names).encode(errors="replace"))


def _arrow(random: Random, root: Path, pictures: list[str]) -> None:
    """Arrow or Parquet files of a set that holds its pictures, or their names."""
    listed = []
    plain = [name.encode(errors="replace").decode() for name in pictures]
    for place in range(random.choice((1, 2, 3))):
        images: list[Any] = [
            {"bytes": _picture(random, ".png") if random.random() < 0.9 else None, "path": name}
            for name in plain
        ]
        if random.random() < 0.2:
            images = plain
        texts = [_text(random).encode(errors="replace").decode() for _ in pictures]
        table = pa.table({random.choice(("image", "images")): images, "text": texts})
        target = io.BytesIO()
        ending = random.choice((".arrow", ".arrow", ".parquet"))
        if ending == ".parquet":
            pq.write_table(table, target)
        else:
            make = random.choice((pa.ipc.new_stream, pa.ipc.new_file))
            with make(target, table.schema) as writer:
                writer.write_table(table, max_chunksize=5)
        name = random.choice(("data-{:05}-of-00003", "cache-{}", "train-{}")).format(place)
        listed.append({"filename": f"{name}{ending}"})
        _write(random, root / f"{name}{ending}", target.getvalue())
    if random.random() < 0.5:
        _write(random, root / "state.json", json.dumps({"_data_files": listed}).encode())


def _kohya(random: Random, root: Path, pictures: list[str]) -> None:
    held = {
        os.path.splitext(name)[0] if random.random() < 0.5 else name: {
            random.choice(("caption", "tags")): random.choice((_text(random), None, 3)),
            "tags": random.choice((_text(random), None, [])),
        }
        for name in pictures
    }
    name = random.choice(("meta_cap.json", "meta_lat.json"))
    _write(random, root / name, _encoded(random, json.dumps(held)))
