"""`tuwen caption`: words for pictures, with a trained captioner."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from data.languages import primary
from data.sources import Reject, Row, load_row
from pipeline.advice import earlier_answers
from pipeline.errors import UsageError
from pipeline.model_lookup import find_model, newer_refusal


def run(arguments: argparse.Namespace) -> int:
    """Prints a caption for each picture."""
    pictures = [read_picture(path) for path in arguments.image]
    model_dir = find_model("captioner", arguments.model)
    print(f"captioner: {model_dir}")
    if refusal := newer_refusal("captioner", model_dir, arguments.model):
        print(earlier_answers(refusal), file=sys.stderr)
    # Starting TensorFlow takes seconds: first everything that can be wrong without it.
    from trainer import serving

    model, language = serving.load(str(model_dir)), arguments.language
    known = serving.languages(model)
    if language is not None and primary(language) not in known:
        choice = f"writes {', '.join(known)}" if known else "cannot be asked for a language"
        raise UsageError(f"--language {language}: this captioner {choice}")
    try:
        answers = serving.caption(model, pictures, language)
    except serving.ServingError as error:
        raise UsageError(str(error)) from None
    for path, (caption, log_prob) in zip(arguments.image, answers, strict=True):
        print(f"{path}: {caption or '(no words)'}   (log probability {log_prob:.2f})")
    return 0


def read_picture(path: str) -> bytes:
    """Returns the bytes of a file that the models can decode.

    Raises:
      UsageError: the file is missing, is no picture, is damaged or is too large.
    """
    place = Path(path).resolve()
    row = Row(path, path, place.name, ("?",), ("en",), folder=str(place.parent))
    loaded = load_row(row)
    if isinstance(loaded, Reject):
        raise UsageError(f"{path}: {loaded.detail}. {loaded.remedy}")
    return loaded.picture.encoded
