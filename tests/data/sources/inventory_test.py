"""Every file in a source's folders is read, rejected, or ignored for a reason."""

import os

from data.base import files
from data.sources import RejectReport, inventory, open_source, sift, spans
from data.sources.inventory import NOT_DRAWN, OTHER_ENDING, UNNAMED


def _taken(path, **options):
    source = open_source(str(path), **options)
    report = RejectReport()
    kept = sum(1 for _ in sift(source, report))
    return inventory.take(source, kept)


def test_a_captioned_folder(captioned):
    folder = captioned([{"image": "0.png", "captions": ["a"]}, {"image": "1.png", "captions": []}])
    (folder / "metadata.csv").write_text("file_name,text\n")
    (folder / ".hidden.png").touch()
    (folder / ".git").mkdir()
    (folder / ".git/index").touch()
    (folder / "photo.heic").touch()
    (folder / "lost.png").symlink_to("nowhere.png")
    os.mkfifo(folder / "pipe")
    found = _taken(folder)
    assert (found.read, found.rejected) == (2, 1)
    assert found.ignored == {
        UNNAMED: 1,
        OTHER_ENDING: 2,
        files.HIDDEN: 2,
        files.BROKEN_LINK: 1,
        files.SPECIAL: 1,
    }
    assert found.endings == {".csv": 1, ".heic": 1}
    assert found.examples[UNNAMED] == ("2.png",)
    assert found.examples[files.BROKEN_LINK] == ("lost.png -> nowhere.png",)
    assert found.seen == sum(found.counts().values()) == 10


def test_linked_folders_are_named_with_what_they_hold(tmp_path, picture):
    for place in ("set/a", "elsewhere/deep"):
        (tmp_path / place).mkdir(parents=True)
        for seed in range(3):
            (tmp_path / place / f"{seed}.png").write_bytes(picture(seed))
            (tmp_path / place / f"{seed}.txt").write_text("a dog")
    (tmp_path / "set/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/again").symlink_to("a")
    found = _taken(tmp_path / "set")
    assert (found.read, found.rejected, found.ignored) == (6, 0, {files.LINKED_FOLDER: 1})
    assert found.behind == 3
    assert found.examples[files.LINKED_FOLDER] == (f"b -> {tmp_path}/elsewhere",)


def test_folders_that_cannot_be_read_are_named(tmp_path, captioned, monkeypatch):
    folder = captioned([{"image": "0.png", "captions": ["a"]}], pictures=1)
    (folder / "locked").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = _taken(folder)
    assert found.ignored == {files.UNREADABLE_FOLDER: 1}
    assert found.examples[files.UNREADABLE_FOLDER] == ("locked",)


def test_texts_without_pictures_and_pictures_without_texts(tmp_path, picture):
    (tmp_path / "a.png").write_bytes(picture())
    (tmp_path / "b.png").write_bytes(picture(1))
    for name in ("a.txt", "c.txt"):
        (tmp_path / name).write_text("a dog")
    found = _taken(tmp_path)
    assert (found.read, found.rejected, found.ignored) == (2, 2, {})


def test_two_names_of_one_file_count_once(tmp_path, picture):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.png").write_bytes(picture())
    (tmp_path / "b").symlink_to("a")
    rows = "".join(f"{name},a dog\n" for name in ("b/1.png", "a/1.png", "A/1.PNG"))
    (tmp_path / "captions.csv").write_text(f"image,caption\n{rows}")
    found = _taken(tmp_path)
    assert (found.read, found.rejected, found.ignored) == (2, 0, {})


def test_folders_within_others_are_counted_once(tmp_path, picture):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/1.png").write_bytes(picture())
    (tmp_path / "captions.csv").write_text("image,caption\n1.png,a dog\n")
    found = _taken(tmp_path, images=str(tmp_path / "pictures"))
    assert (found.read, found.seen) == (2, 2)


def test_coco(tmp_path, picture):
    import json

    (tmp_path / "annotations").mkdir()
    (tmp_path / "train").mkdir()
    for seed in range(3):
        (tmp_path / f"train/{seed}.png").write_bytes(picture(seed))
    images = [{"id": n, "file_name": f"{n}.png"} for n in range(2)]
    notes = [{"image_id": 0, "caption": "a dog"}]
    content = json.dumps({"images": images, "annotations": notes})
    (tmp_path / "annotations/captions_train.json").write_text(content)
    (tmp_path / "annotations/instances_train.json").write_text("{}")
    found = _taken(tmp_path)
    assert (found.read, found.rejected) == (2, 1)
    assert found.ignored == {UNNAMED: 1, OTHER_ENDING: 1}


def test_spans_are_added_up(tmp_path, picture):
    for number in (1, 2):
        folder = tmp_path / f"span-{number}"
        folder.mkdir()
        (folder / "1.png").write_bytes(picture(number))
        (folder / "other.png").write_bytes(picture(9))
        (folder / "captions.csv").write_text("image,caption\n1.png,a dog\n")
    window = spans.resolve_window(str(tmp_path / "span-{SPAN}"), 2)
    source = spans.open_window(window, open_source)
    found = inventory.take(source, kept=2)
    assert (found.read, found.ignored) == (4, {UNNAMED: 2})


def test_pictures_that_are_not_drawn_are_told(captioned):
    folder = captioned([{"image": f"{n}.png", "captions": ["a"]} for n in range(3)])
    found = inventory.take(open_source(str(folder)), kept=1, drawn=True)
    assert (found.read, found.rejected, found.ignored) == (2, 0, {NOT_DRAWN: 2})


def test_what_is_not_on_this_disk_is_not_counted(captioned, monkeypatch):
    assert inventory.take(open_source("tfds:captioned_scenes"), kept=1) is None
    source = open_source(str(captioned([{"image": "0.png", "captions": ["a"]}])))
    assert inventory.take(source, kept=1) is not None
    monkeypatch.setattr(type(source), "folders", lambda self: ("gs://bucket",))
    assert inventory.take(source, kept=1) is None
