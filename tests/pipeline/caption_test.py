"""`tuwen caption` with a model that is not there."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import cli
from pipeline.commands import caption
from tests.pipeline.run_dirs import finish, start
from trainer import serving

# Bytes of a picture that the model of these tests takes.
LARGEST = 200


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The languages that a model was asked for."""
    languages = []

    def answer(model, pictures, language):
        languages.append(language)
        return [serving.Caption("words", -1.5)] * len(pictures)

    def refuse(model, pictures, language):
        if any(len(picture) > LARGEST for picture in pictures):
            raise serving.ServingError("the picture file is larger than its limit")
        return answer(model, pictures, language)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(caption, "find_model", lambda kind, given: tmp_path / "1500")
    monkeypatch.setattr(serving, "load", lambda directory: None)
    monkeypatch.setattr(serving, "languages", lambda model: ("en", "zh"))
    monkeypatch.setattr(serving, "caption", refuse)
    Image.new("RGB", (8, 8)).save("fine.png")
    return languages


def test_captions_are_asked_for_in_a_language(asked, capsys):
    assert cli.main(["caption", "fine.png"]) == 0
    assert cli.main(["caption", "fine.png", "--language", "zh-Hans"]) == 0
    assert asked == [None, "zh-Hans"]
    said = capsys.readouterr().out
    assert "fine.png: words   (log probability -1.50)" in said
    assert said.count("language: en (--language takes en, zh)") == 1


def test_a_language_that_the_model_does_not_write_is_refused_with_those_it_does(asked, capsys):
    assert cli.main(["caption", "fine.png", "--language", "fr"]) == cli.USAGE
    assert "--language fr: this captioner writes en, zh" in capsys.readouterr().err
    assert asked == []


def test_a_model_without_a_choice_of_languages_says_so(asked, capsys, monkeypatch):
    monkeypatch.setattr(serving, "languages", lambda model: ())
    assert cli.main(["caption", "fine.png"]) == 0
    assert cli.main(["caption", "fine.png", "--language", "en"]) == cli.USAGE
    assert "cannot be asked for a language" in capsys.readouterr().err


def test_that_the_last_run_refused_its_model_is_one_line_beside_the_answer(asked, capsys):
    finish(start("runs/demo"), refused=["captioner"])
    assert cli.main(["caption", "fine.png"]) == 0
    said = capsys.readouterr()
    assert "fine.png: words" in said.out
    (line,) = said.err.splitlines()
    assert "refused its captioner" in line and "earlier version" in line


def test_nothing_is_said_where_the_last_run_pushed_its_model(asked, capsys):
    finish(start("runs/demo"), refused=["generator"])
    assert cli.main(["caption", "fine.png"]) == 0
    assert capsys.readouterr().err == ""


def test_a_bad_file_does_not_keep_the_others_from_their_captions(asked, capsys):
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    Image.fromarray(noise).save("large.png")
    paths = ["fine.png", "broken.png", "large.png", "gone.png", "fine.png"]
    assert cli.main(["caption", *paths]) == cli.FAILURE
    said = capsys.readouterr()
    assert said.out.count("fine.png: words") == 2
    told = said.err.splitlines()
    assert [line.split(":")[1].strip() for line in told] == ["broken.png", "gone.png", "large.png"]


def test_where_no_picture_can_be_read_the_command_was_given_wrongly(asked, capsys):
    assert cli.main(["caption", "gone.png", "lost.png"]) == cli.USAGE
    said = capsys.readouterr()
    assert said.out == "" and "gone.png" in said.err and "lost.png" in said.err


def test_a_folder_is_named_with_a_picture_in_it_that_can_be_given(asked, capsys):
    Path("a b").mkdir()
    Path("a b", "notes.txt").write_text("no picture", encoding="utf-8")
    assert cli.main(["caption", "a b"]) == cli.USAGE
    assert "a b: this is a folder." in capsys.readouterr().err
    Image.new("RGB", (8, 8)).save("a b/one.jfif", "PNG")
    assert cli.main(["caption", "a b"]) == cli.USAGE
    said = capsys.readouterr().err
    given = shlex.split(said.partition("such as ")[2])
    assert cli.main(["caption", *given]) == 0
    assert cli.main(["caption", "fine.png", "a b"]) == cli.FAILURE


@pytest.mark.parametrize("address", ["s3://a/b.png", "https://a/b.png", "hf://datasets/a/b/c.png"])
def test_an_address_is_refused_with_a_command(asked, capsys, address):
    assert cli.main(["caption", address]) == cli.USAGE
    assert "are not read. Copy it to this machine first: " in capsys.readouterr().err


def test_names_reach_the_terminal_without_control_characters(asked, capsys):
    name = "\x1b[2J\x9b\u202e.png"
    Image.new("RGB", (8, 8)).save(name)
    assert cli.main(["caption", name, "\x1bgone.png", "fine.png"]) == cli.FAILURE
    said = capsys.readouterr()
    assert "\\x1b[2J\\x9b\\u202e.png: words" in said.out
    assert "\\x1bgone.png: " in said.err
    assert not set("\x1b\x9b\u202e") & set(said.out + said.err)


def test_what_was_done_to_the_colours_is_told(asked, capsys):
    Image.new("RGB", (8, 8)).save("odd.png", icc_profile=b"damaged")
    assert cli.main(["caption", "odd.png"]) == 0
    assert capsys.readouterr().err == "odd.png: damaged colour profile ignored\n"
