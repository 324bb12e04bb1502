"""`tuwen caption`: words for pictures, with a trained captioner."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.base import files
from data.base.errors import AddressError
from data.base.terminal import printable
from pipeline.commands.arguments import add_model
from pipeline.errors import UsageError
from pipeline.model_lookup import find_model, newer_refusal
from pipeline.outcomes import earlier_answers

if TYPE_CHECKING:
    from data.sources.pictures import Picture

EXAMPLES = (
    "tuwen caption picture.png",
    "tuwen caption *.jpg --model runs/demo",
    "tuwen caption picture.png --language zh",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument("image", nargs="+", metavar="IMAGE", help="PNG or JPEG file")
    add_model(parser)
    parser.add_argument(
        "--language",
        metavar="TAG",
        help="language of the captions, such as en or zh; what the captioner writes, the command "
        "says (the training data's most frequent)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints a caption for each picture; one that cannot be read does not keep the others from it.

    Returns:
      0, or 1 where some pictures have no caption.

    Raises:
      UsageError: none of the pictures can be read, or there is no such language.
    """
    from data.languages import primary

    pictures, faults = _read(arguments.image)
    for path, picture in pictures:
        for note in picture.notes:
            print(printable(f"{path}: {note}"), file=sys.stderr)
    model_dir = find_model("captioner", arguments.model)
    print(f"captioner: {model_dir}")
    if refusal := newer_refusal("captioner", model_dir, arguments.model):
        print(earlier_answers(refusal), file=sys.stderr)
    # Starting TensorFlow takes seconds: first everything that can be wrong without it.
    from trainer import serving

    model, language = serving.load(str(model_dir)), arguments.language
    known = serving.languages(model)
    if language is not None and primary(language) not in known:
        raise UsageError(f"--language {language}: {_choice(known)}")
    if language is None and len(known) > 1:
        print(f"language: {known[0]} (--language takes {', '.join(known)})")
    answers = serving.caption_each(model, [picture.encoded for _, picture in pictures], language)
    for (path, _), answer in zip(pictures, answers, strict=True):
        if isinstance(answer, serving.ServingError):
            faults.append(f"{printable(path)}: {answer}")
        else:
            words = answer.text or "(no words)"
            print(printable(f"{path}: {words}   (log probability {answer.log_prob:.2f})"))
    if len(faults) == len(arguments.image):
        raise UsageError("\n".join(faults))
    for fault in faults:
        print(f"tuwen: {printable(fault)}", file=sys.stderr)
    return 1 if faults else 0


def _choice(known: Sequence[str]) -> str:
    """Returns which languages a captioner writes, and what to do about another one."""
    if not known:
        return "this captioner cannot be asked for a language. Leave --language out."
    return (
        f"this captioner writes {', '.join(known)}. Ask for one of these, or leave --language out "
        f"for {known[0]}. It learns another language from captions with its tag: train on such "
        "data (ingest.language gives all captions one tag)."
    )


def _read(paths: Sequence[str]) -> tuple[list[tuple[str, Picture]], list[str]]:
    """Path and content of the pictures that can be read, and what is wrong with the others.

    Raises:
      UsageError: none can be read.
    """
    pictures, faults = [], []
    for path in paths:
        try:
            pictures.append((path, read_picture(path)))
        except UsageError as error:
            faults.append(str(error))
    if not pictures:
        raise UsageError("\n".join(faults))
    return pictures, faults


def read_picture(path: str) -> Picture:
    """Returns a file's picture as ingestion would take it.

    Raises:
      UsageError: the file is missing, is no picture, is damaged or is too large.
    """
    from data.sources import Reject, Row, load_row

    try:
        files.check_scheme(path)
    except AddressError as error:
        raise UsageError(str(error)) from None
    place = Path(path).resolve()
    if place.is_dir():
        raise UsageError(f"{printable(path)}: this is a folder. {_pictures_in(place)}")
    row = Row(path, path, place.name, ("?",), ("en",), folder=str(place.parent))
    loaded = load_row(row)
    if isinstance(loaded, Reject):
        raise UsageError(f"{printable(path)}: {loaded.detail}. {loaded.remedy}")
    return loaded.picture


def _pictures_in(folder: Path) -> str:
    from data.picture_files import is_picture_name

    names = (path.name for path in folder.iterdir() if path.is_file())
    first = min(filter(is_picture_name, names), default=None)
    if first is None:
        return "There is no picture in it: name a PNG or JPEG file."
    return f"Name the pictures in it, such as {shlex.quote(str(folder / first))}"
