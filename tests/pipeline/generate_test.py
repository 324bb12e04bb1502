"""File names of generated pictures, and `tuwen generate` with a model that is not there."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import cli
from pipeline.commands.generate import file_names
from pipeline.errors import UsageError
from tests.pipeline.run_dirs import finish, push, start
from trainer import serving


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A red circle!", "a-red-circle-7.png"),
        ("一个红色的圆", "一个红色的圆-7.png"),
        ("../../etc/passwd", "etc-passwd-7.png"),
        ("a\x00b\nc", "a-b-c-7.png"),
        ("?!", "picture-7.png"),
    ],
)
def test_names_are_safe_and_tell_the_text(text, name):
    assert file_names([(text, 7)], Path("out")) == [Path("out") / name]


def test_long_texts_fit_a_file_system():
    (path,) = file_names([("圆" * 500, 1)], Path())
    assert len(path.name.encode()) < 100


def test_equal_names_do_not_overwrite_each_other():
    paths = file_names([("a b", 1), ("a-b", 1), ("a_b", 1)], Path())
    assert [path.name for path in paths] == ["a-b-1.png", "a-b-1-2.png", "a-b-1-3.png"]


def test_one_png_name_serves_one_picture():
    assert file_names([("a", 1)], Path("x/y.PNG")) == [Path("x/y.PNG")]


def test_an_earlier_generator_answers_with_one_line_about_the_refusal(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(serving, "load", lambda directory: None)
    picture = SimpleNamespace(png=b"png", oov=0.0)
    monkeypatch.setattr(serving, "generate", lambda model, texts, *_: [picture] * len(texts))
    push(finish(start("runs/demo"), refused=["generator"]), "generator")
    assert cli.main(["generate", "a cat"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "refused its generator" in line
    assert cli.main(["generate", "a cat", "--model", "runs/demo/serving/generator/1500"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["out.jpg", "x/out.WEBP", "out.jfif", "out.dib", "out.HEIC"])
def test_a_picture_of_another_format_is_no_folder(name):
    with pytest.raises(UsageError, match="PNG"):
        file_names([("a", 1)], Path(name))


def test_a_folder_may_be_called_like_a_picture(tmp_path):
    folder = tmp_path / "2024.jpg"
    folder.mkdir()
    assert file_names([("a", 1)], folder) == [folder / "a-1.png"]


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1])
def test_a_seed_has_64_bits(seed, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["generate", "a", f"--seed={seed}"])
    assert end.value.code == cli.USAGE
    assert str(2**63 - 1) in capsys.readouterr().err


def test_the_seed_of_the_last_picture_has_64_bits_too(capsys):
    last = ["generate", "a", f"--seed={2**63 - 2}", "--n"]
    assert cli.main([*last, "3"]) == cli.USAGE
    assert "--n 3" in capsys.readouterr().err
    # The next thing that is wrong is that there is no model.
    cli.main([*last, "2"])
    assert "no pushed generator" in capsys.readouterr().err
