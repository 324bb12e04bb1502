"""`tuwen generate`: pictures from captions, with a trained generator."""

from __future__ import annotations

import argparse
import re
import sys
import unicodedata
from pathlib import Path

from data.base.files import write_whole
from pipeline.commands.arguments import (
    add_model,
    positive_number,
    seed_number,
    utf8_text,
    whole_number,
)
from pipeline.errors import UsageError
from pipeline.model_lookup import find_model, newer_refusal
from pipeline.outcomes import earlier_answers

NAME_BYTES = 80
# Seeds are signed numbers of 64 bits.
HIGHEST_SEED = 2**63 - 1
_PNG = ".png"
_UNSAFE = re.compile(r"[\W_]+")

EXAMPLES = (
    "tuwen generate 'a red circle above a blue square'",
    "tuwen generate '一个红色的圆' 'a small star' --n 4 --seed 7 -o pictures/",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument("text", nargs="+", type=utf8_text, metavar="TEXT", help="what to draw")
    add_model(parser)
    parser.add_argument("--n", type=whole_number, default=1, help="pictures of each text")
    parser.add_argument("--seed", type=seed_number, default=0, help="seed of the first picture")
    parser.add_argument(
        "--truncation",
        type=positive_number,
        default=1.0,
        help="below 1: less variety, safer pictures",
    )
    parser.add_argument("-o", "--output", default="generated", help="folder, or one .png file")


def run(arguments: argparse.Namespace) -> int:
    """Draws `--n` pictures of each text and prints their paths."""
    texts = [_text(text) for text in arguments.text]
    seeds = range(arguments.seed, arguments.seed + arguments.n)
    if seeds[-1] > HIGHEST_SEED:
        raise UsageError(
            f"--seed {arguments.seed}: the last of --n {arguments.n} pictures would "
            f"have a seed above {HIGHEST_SEED}; begin lower"
        )
    wanted = [(text, seed) for text in texts for seed in seeds]
    paths = file_names(wanted, Path(arguments.output))
    model_dir = find_model("generator", arguments.model)
    print(f"generator: {model_dir}")
    if refusal := newer_refusal("generator", model_dir, arguments.model):
        print(earlier_answers(refusal), file=sys.stderr)
    # Starting TensorFlow takes seconds: first everything that can be wrong without it.
    from trainer import serving

    model = serving.load(str(model_dir))
    asked = [text for text, _ in wanted], [seed for _, seed in wanted]
    try:
        pictures = serving.generate(model, *asked, arguments.truncation)
    except serving.ServingError as error:
        raise UsageError(str(error)) from None
    for path, picture in zip(paths, pictures, strict=True):
        write_whole(str(path), picture.png)
        print(path)
    _tell_unknown({text: one.oov for (text, _), one in zip(wanted, pictures, strict=True)})
    return 0


def file_names(wanted: list[tuple[str, int]], output: Path) -> list[Path]:
    """Returns a file for each (text, seed): letters and digits of any script, and the seed.

    Raises:
      UsageError: `output` names one .png file, and several pictures are wanted; or a picture of
        another format.
    """
    from data.picture_files import PICTURE_ENDINGS, REFUSED_ENDINGS

    # Names of files that look like a picture of another format, not like a folder.
    other_pictures = {*PICTURE_ENDINGS, *REFUSED_ENDINGS} - {_PNG}
    if output.suffix.lower() in other_pictures and not output.is_dir():
        raise UsageError(
            f"-o {output}: pictures are written as PNG; name {output.with_suffix(_PNG)}, or a "
            "folder"
        )
    if output.suffix.lower() == _PNG:
        if len(wanted) > 1:
            raise UsageError(f"-o {output} is one file, but {len(wanted)} pictures are wanted")
        return [output]
    names: list[Path] = []
    for text, seed in wanted:
        path, copy = output / f"{_slug(text)}-{seed}.png", 2
        while path in names:
            path, copy = output / f"{_slug(text)}-{seed}-{copy}.png", copy + 1
        names.append(path)
    return names


def _slug(text: str) -> str:
    plain = _UNSAFE.sub("-", unicodedata.normalize("NFKC", text).casefold()).strip("-")
    return plain.encode()[:NAME_BYTES].decode(errors="ignore").strip("-") or "picture"


def _text(text: str) -> str:
    if not text.strip():
        raise UsageError("an empty text says nothing to draw")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{text!r} is not UTF-8 text") from None
    return text


def _tell_unknown(shares: dict[str, float]) -> None:
    for text, share in shares.items():
        if share > 0:
            effect = "none of its words" if share >= 1 else f"{1 - share:.0%} of its words"
            print(f"note: '{text}': the model knows {effect}; the others have no effect")
