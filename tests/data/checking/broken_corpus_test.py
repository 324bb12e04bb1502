"""A corpus of broken data: `tuwen check-data` names each fault with file and row, and a remedy."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from pipeline import cli
from tests.data.broken_rows import LINES, caption_lines, row, write_files

COLOURS = ("red", "green", "blue")
SPLITS = ("train",) * 40 + ("val",) * 10 + ("test",) * 10


def photograph(seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((48, 48), Image.Resampling.BICUBIC)


def whole(name="PNG", seed=900, **save):
    target = io.BytesIO()
    photograph(seed).save(target, name, **save)
    return target.getvalue()


def damaged_png():
    content = bytearray(whole(seed=901))
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


def good_rows():
    """Sixty sound rows, and the pictures that they name."""
    rows, pictures = [], {}
    for place, split in enumerate(SPLITS):
        name = f"b{place:02}.png"
        pictures[name] = whole(seed=place)
        colour = COLOURS[place % 3]
        rows.append(
            row(
                name,
                (f"a {colour} thing, number {place}",),
                language="en",
                attributes=[f"colour:{colour}"],
                split=split,
            )
        )
    return rows, pictures


def said(name, *captions, split="train", language="en", attributes=("colour:red",)):
    return row(name, captions, split=split, language=language, attributes=list(attributes))


# A row, the picture that it names (None: no new one), and the check that finds it.
FURTHER = [
    (said("near.jpg", "one more"), whole("JPEG", 0, quality=60), "near_duplicates"),
    (said("across.jpg", "two more", split="test"), whole("JPEG", 3), "similar_pictures"),
    (
        said("copy2.bmp", "three", attributes=["colour:green"]),
        whole("BMP", 6),
        "contradicting_copy",
    ),
    (
        said("copy3.jpg", "four", attributes=["colour:green"]),
        whole("JPEG", 9),
        "contradicting_copies",
    ),
    (
        said("both.png", "five", attributes=["colour:red", "colour:blue"]),
        whole(seed=101),
        "attribute_contradiction",
    ),
    (said("html.png", "a <br> cat"), whole(seed=102), "odd_caption"),
    (said("web.png", "https://example.org/cat"), whole(seed=103), "odd_caption"),
    (said("name.png", "IMG_0001.JPG"), whole(seed=104), "odd_caption"),
    (said("moji.png", "a caf\u00c3\u00a9"), whole(seed=105), "odd_caption"),
    (said("marks.png", "?!?"), whole(seed=106), "odd_caption"),
    (said("todo.png", "TODO"), whole(seed=107), "odd_caption"),
    (said("twice.png", "a cat", "A cat."), whole(seed=108), "repeated_caption"),
    (said("tag.png", "a cat with a hat", language="zh"), whole(seed=109), "language_tag"),
    (said("han.png", "一只猫坐在桌子上", language="en"), whole(seed=110), "language_tag"),
    (
        said("mauve.png", "six", split="test", attributes=["colour:mauve"]),
        whole(seed=111),
        "unseen_label",
    ),
    (said("case.png", "seven", attributes=["Colour:Red"]), whole(seed=112), "label_spelling"),
    (
        said("french.png", "un chat", split="test", language="fr"),
        whole(seed=113),
        "unseen_language",
    ),
    (said("tongue.png", "eight", language="in English"), whole(seed=114), "malformed_row"),
    (said("few.png", "a", "b", language=["en"]), whole(seed=115), "malformed_row"),
    (said("b10.png", "once more", split="val"), None, "conflicting_split"),
    (row("deep2.png", attributes={"a": {"b": "c"}}), whole(seed=116), "wrong_type"),
    (row("blank.png", attributes=[3]), whole(seed=117), "wrong_type"),
    (row("day.png", split=7), whole(seed=118), "wrong_type"),
    (said("tail.jpg", "nine"), whole("JPEG", 119)[:-2], "undecodable_image"),
    (said("crc.png", "ten"), damaged_png(), "undecodable_image"),
    (said("page.jpg", "eleven"), b"<!doctype html><title>404</title>", "not_an_image"),
    (said("lfs.png", "twelve"), b"version https://git-lfs.github.com/spec/v1", "not_an_image"),
    (said("essay.png", "x" * 4001), whole(seed=120), "long_caption"),
    (row(" ", ("thirteen",)), None, "malformed_row"),
    (row("no\ttab.png", ("fourteen",)), None, "malformed_row"),
]


def check_data(path, target):
    """Runs the command; returns its exit status and what stands in check.json."""
    status = cli.main(["check-data", str(path), "-o", str(target)])
    return status, json.loads((target / "check.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """What check-data says of one folder with every fault in it, and its page."""
    folder = tmp_path_factory.mktemp("data") / "corpus"
    folder.mkdir()
    write_files(folder)
    rows, pictures = good_rows()
    for further, picture, _ in FURTHER:
        if picture is not None:
            pictures[json.loads(further)["image"]] = picture
    for name, content in {**pictures, "forgotten.png": whole(seed=121)}.items():
        (folder / name).write_bytes(content)
    lines = [caption_lines(folder), *rows, *(further for further, _, _ in FURTHER)]
    (folder / "captions.jsonl").write_bytes(b"\n".join(lines))
    target = tmp_path_factory.mktemp("check")
    status, held = check_data(folder, target)
    assert status == 1 and held["ok"] is False
    return held, (target / "index.html").read_text(encoding="utf-8")


def found(held, check, place):
    """Returns the findings of `check` that name `place`."""
    findings = [one for one in held["findings"] if one["check"] == check]
    rejects = [one for one in held["rejects"] if (one["reason"], one["where"]) == (check, place)]
    return [one for one in findings if place in one["rows"]] or (rejects if findings else [])


ROWS = [(place, reason) for place, (_, reason) in enumerate(LINES, start=1) if reason]
ROWS += [
    (place, check)
    for place, (_, _, check) in enumerate(FURTHER, start=len(LINES) + len(SPLITS) + 1)
]


def test_the_corpus_is_large():
    assert len(ROWS) + len(WHOLE) >= 80


@pytest.mark.parametrize(("line", "check"), ROWS, ids=str)
def test_each_row_is_named_with_a_remedy(corpus, line, check):
    (one,) = found(corpus[0], check, f"captions.jsonl:{line}")[:1]
    assert one["remedy"].endswith(".")


def test_a_forgotten_picture_and_left_out_captions_are_named(corpus):
    held, _ = corpus
    assert found(held, "uncaptioned_files", "forgotten.png")
    kept = next(place for place, (line, _) in enumerate(LINES, 1) if b"a cat" in line)
    assert found(held, "dropped_captions", f"captions.jsonl:{kept}")


def test_sound_rows_are_not_blamed(corpus):
    held, _ = corpus
    blamed = {place for finding in held["findings"] for place in finding["rows"]}
    sound = [f"captions.jsonl:{len(LINES) + place}" for place in range(12, len(SPLITS) + 1)]
    assert not blamed & set(sound)
    assert not {one["where"] for one in held["rejects"]} & set(sound)


def test_rows_in_are_pictures_out_and_rejects(corpus):
    held, _ = corpus
    assert held["pictures"] + len(held["rejects"]) == len(LINES) + len(SPLITS) + len(FURTHER)
    assert sum(held["reject_reasons"].values()) == len(held["rejects"])


def test_the_page_shows_it_all_and_loads_nothing(corpus):
    held, page = corpus
    for finding in held["findings"]:
        assert finding["remedy"].split(";")[0].split("'")[0][:40] in page
    for outside in ("<script", "<link", 'src="http', "url("):
        assert outside not in page
    assert 'src="data:image/jpeg;base64,' in page and "viewport" in page


def lines_of(rows, **options):
    target = io.StringIO()
    csv.writer(target, **options).writerows(rows)
    return target.getvalue()


def several(caption="a {}", splits=SPLITS):
    return "\n".join(
        json.dumps({"image": f"{place}.png", "captions": [caption.format(place)], "split": split})
        for place, split in enumerate(splits)
    )


COCO_IMAGE = '{"images": [{"id": 1, "file_name": "0.png"}], "annotations": '
# A file with content (several pictures 0.png ... beside it), its fault, and the place of it.
WHOLE = {
    "empty table": ("captions.csv", "", "unreadable_source", "captions.csv"),
    "no image column": ("captions.csv", "who,caption\n", "unreadable_source", "captions.csv:1"),
    "column twice": ("captions.csv", "image,caption,caption\n", "unreadable_source", "column 3"),
    "no caption column": ("captions.csv", "image,split\n", "unreadable_source", "captions.csv:1"),
    "unknown column": ("captions.csv", "image;text;mood\n0.png;a;glad\n", "unknown_key", ":2"),
    "no delimiter": ("captions.tsv", "image+caption\n0.png+a\n", "unreadable_source", ".tsv:1"),
    "swallowed rows": (
        "captions.csv",
        'image,caption\n0.png,"a\n1.png,b\n2.png,c"\n',
        "malformed_row",
        "captions.csv:2",
    ),
    "UTF-16": (
        "captions.csv",
        "image,caption\n".encode("utf-16"),
        "unreadable_source",
        "captions.csv:1",
    ),
    "CR alone": ("captions.csv", "image,caption\r0.png,a\r", "unreadable_source", "captions.csv:1"),
    "text of no picture": ("1.txt", "a dog", "unreadable_source", "data"),
    "empty text": ("0.txt", "\n", "empty_caption", "0.txt"),
    "text in Latin-1": ("0.txt", b"caf\xe9", "invalid_utf8", "0.txt"),
    "header alone": ("captions.csv", "image,caption\n", "unreadable_source", "data"),
    "open quote": (
        "captions.csv",
        'image,caption\n0.png,"a dog\n',
        "malformed_row",
        "captions.csv:2",
    ),
    "loose comma": (
        "captions.csv",
        "image,caption\n0.png,a dog, a cat\n",
        "malformed_row",
        "captions.csv:2",
    ),
    "bad list": (
        "captions.csv",
        lines_of([["image", "captions"], ["0.png", '["a"']]),
        "malformed_row",
        "captions.csv:2",
    ),
    "Latin-1": ("captions.csv", b"image,caption\n0.png,caf\xe9\n", "invalid_utf8", ":2"),
    "cut JSON": ("captions.jsonl", '[\n{"image": "0.png"}\n', "malformed_row", ":1"),
    "no JSON": ("captions.json", "{", "unreadable_source", "captions.json"),
    "no COCO": ("captions.json", '{"images": []}', "unreadable_source", "captions.json"),
    "COCO pictures elsewhere": (
        "captions.json",
        '{"images": [{"id": 1, "file_name": "gone.png"}], "annotations": []}',
        "unreadable_source",
        "captions.json",
    ),
    "COCO picture without caption": (
        "captions.json",
        COCO_IMAGE + "[]}",
        "empty_caption",
        "captions.json:images[0]",
    ),
    "COCO caption of no picture": (
        "captions.json",
        COCO_IMAGE + '[{"image_id": 2, "caption": "a"}]}',
        "unknown_image",
        "captions.json:annotations[0]",
    ),
    "COCO caption is no text": (
        "captions.json",
        COCO_IMAGE + '[{"image_id": 1, "caption": null}]}',
        "wrong_type",
        "captions.json:annotations[0]",
    ),
    "COCO image is no object": (
        "captions.json",
        '{"images": [{"id": 1, "file_name": "0.png"}, 7], "annotations": []}',
        "wrong_type",
        "captions.json:images[1]",
    ),
    "no test split": ("captions.jsonl", several(splits=SPLITS[:50]), "split_size", None),
    "one caption for all": ("captions.jsonl", several("a thing"), "one_caption", ":1"),
    "nothing but gone files": (
        "captions.jsonl",
        '{"image": "gone.png", "captions": ["a"]}',
        "missing_file",
        ":1",
    ),
    "no caption file": ("readme.txt", "hello", "unreadable_source", None),
}


@pytest.mark.parametrize("case", WHOLE)
def test_each_broken_source_is_named_with_a_remedy(case, tmp_path, capsys):
    name, content, check, place = WHOLE[case]
    data = tmp_path / "data"
    data.mkdir()
    for seed in range(60 if "a " in str(content)[:60] and name == "captions.jsonl" else 1):
        (data / f"{seed}.png").write_bytes(whole(seed=seed))
    (data / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    path = data / name if name.endswith(".json") else data
    status, held = check_data(path, tmp_path / "check")
    assert status == 1
    (one,) = [finding for finding in held["findings"] if finding["check"] == check][:1]
    assert one["stops"] and one["remedy"].endswith(".")
    if place is not None:
        assert any(where.endswith(place) for where in one["rows"])
    shown = capsys.readouterr().out
    assert "STOPS" in shown and "A run would stop on this data." in shown
    # Paths are cut at the edge of the screen, and nothing else goes over it.
    assert max(map(len, shown.splitlines()[:-1])) <= 80


def test_sound_data_pass(tmp_path, capsys):
    rows, pictures = good_rows()
    for name, content in pictures.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "captions.jsonl").write_bytes(b"\n".join(rows))
    assert cli.main(["check-data", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "A run can start on this data." in shown and "STOPS" not in shown
