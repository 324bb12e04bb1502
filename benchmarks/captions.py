"""Captions of photographs in every language of the data, beside simpler captioners and people.

python -m benchmarks.captions WORK --data PATH --minutes 60  # trains; goes on where it was stopped
python -m benchmarks.captions WORK --table                   # prints what there is, as Markdown

Encoder and captioner of the config flickr8k64 are trained from nothing on PATH, a captioned folder,
and judged on its test split.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data.base.files import write_whole
from data.languages import captions_in
from data.schema import CaptionedImage
from pipeline import settings as settings_file
from pipeline.load_examples import load_splits
from trainer.evaluation.inputs import ServedCaptioner, ServedEncoder
from trainer.metrics import captions
from trainer.metrics.intervals import Estimate, bootstrap_mean
from trainer.metrics.tokens import UNSPACED, split_of

CONFIG = "flickr8k64"
# Not `captions*`: Flickr8k-CN has translated captions of the test pictures too.
FILES = "ingest.files_pattern=captions.jsonl,captions_zh.jsonl"
FIGURES = {
    "bleu1": "BLEU-1",
    "bleu2": "BLEU-2",
    "bleu3": "BLEU-3",
    "bleu4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "cider_d": "CIDEr-D",
}
OURS, PERSON = "captioner", "a person"
BASELINES = ("most frequent training caption", "caption of the nearest training picture")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="directory of models and results")
    parser.add_argument("--data", help="a captioned folder with captions.jsonl")
    parser.add_argument("--minutes", type=float, default=60.0, help="of training in all (60)")
    parser.add_argument("--encoder", type=float, default=0.65, help="the encoder's part (0.65)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--table", action="store_true", help="only print the table")
    arguments = parser.parse_args()
    results = arguments.work / "captions.json"
    if not arguments.table:
        if arguments.data is None:
            parser.error("--data is needed to train")
        measure(arguments, results)
    if not results.is_file():
        parser.error(f"{results} is not there yet: run without --table first")
    text = table(json.loads(results.read_text(encoding="utf-8")))
    write_whole(str(results.with_suffix(".md")), f"{text}\n".encode())
    print(text)


def measure(arguments: argparse.Namespace, results: Path) -> None:
    """Trains what is not trained yet, and judges it."""
    sets = [FILES, *arguments.set]
    asked = {"minutes": arguments.minutes, "encoder": arguments.encoder, "settings": sets}
    claim(arguments.work, asked | {"data": str(Path(arguments.data).absolute())})
    shares = {"encoder": arguments.encoder, "captioner": 1 - arguments.encoder}
    for stage, share in shares.items():
        if not (arguments.work / "models" / stage).is_dir():
            tuwen_train(arguments, stage, share * arguments.minutes, sets)
    settings = settings_file.load(CONFIG, data=arguments.data, assignments=sets)
    splits = load_splits(settings, settings.open_source())
    found = {
        "asked": asked,
        "stages": {stage: summary(arguments.work, stage) for stage in shares},
        "languages": judge(arguments.work / "models", splits["test"], splits["train"]),
    }
    write_whole(str(results), json.dumps(found, ensure_ascii=False, indent=1).encode("utf-8"))


def claim(work: Path, asked: dict[str, Any]) -> None:
    """Refuses to go on with models that were trained in another way."""
    path = work / "asked.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != asked:
        sys.exit(f"{work} holds other trainings, see {path}: give their arguments, or another WORK")
    work.mkdir(parents=True, exist_ok=True)
    write_whole(str(path), json.dumps(asked, indent=1).encode("utf-8"))


def tuwen_train(
    arguments: argparse.Namespace, stage: str, minutes: float, sets: Sequence[str]
) -> None:
    """Trains a stage in a process of its own."""
    command = ["-m", "pipeline.cli", "train", CONFIG, "--stage", stage, "--data", arguments.data]
    budget = ["--work", str(arguments.work), "--minutes", str(minutes)]
    chosen = [part for one in sets for part in ("--set", one)]
    subprocess.run([sys.executable, *command, *budget, *chosen], check=True)


def summary(work: Path, stage: str) -> dict[str, Any]:
    """What is worth telling of a stage's training."""
    newest = max(
        work.glob(f"training/{stage}-*/summary.json"), key=lambda path: path.stat().st_mtime
    )
    found = json.loads(newest.read_text(encoding="utf-8"))
    return {key: found[key] for key in ("steps", "images", "seconds", "parameters", "precision")}


class Spoken(NamedTuple):
    """One way to caption pictures.

    Attributes:
      captions: N, one a picture.
      references: of each picture, what its caption is compared with.
    """

    captions: list[str]
    references: list[list[str]]


def judge(
    models: Path, test: Sequence[CaptionedImage], train: Sequence[CaptionedImage]
) -> dict[str, Any]:
    """By language: number of pictures, figures of all systems, and how far ours is ahead."""
    encoder = ServedEncoder(str(models / "encoder"), 64)
    captioner = ServedCaptioner(str(models / "captioner"), 64)
    seen, known = (
        encoder.embed_images([record.encoded for record in records]) for records in (test, train)
    )
    nearest = (seen @ known.T).argmax(1)
    found = {}
    for tag in captioner.languages:
        systems = captioned(captioner, tag, test, [train[index] for index in nearest], train)
        split = split_of(tag).tokenise
        scored = {
            name: captions.measure_with_one_out(*spoken, split) for name, spoken in systems.items()
        }
        several = [texts for texts in systems[OURS].references if len(texts) > 1]
        if several:
            scored[PERSON] = captions.measure_people(several, split)
        found[tag] = {
            "pictures": len(systems[OURS].captions),
            "references": Counter(map(len, systems[OURS].references)).most_common(),
            "systems": {name: figures(scores) for name, scores in scored.items()},
            "ahead": {name: ahead(systems[OURS], systems[name], tag) for name in BASELINES},
            "examples": list(zip(*systems[OURS], strict=True))[:20],
        }
    return found


def captioned(
    captioner: ServedCaptioner,
    language: str,
    test: Sequence[CaptionedImage],
    neighbours: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
) -> dict[str, Spoken]:
    """What each system says of the test pictures that have captions in a language.

    Args:
      neighbours: the training picture nearest to each test picture.
    """
    references = [own(record, language) for record in test]
    rows = [row for row, texts in enumerate(references) if texts]
    wanted = [references[row] for row in rows]
    usual = Counter(text for record in train for text in own(record, language)).most_common(1)[0][0]
    near = [(own(neighbours[row], language) or [usual])[0] for row in rows]
    return {
        OURS: Spoken(captioner([test[row].encoded for row in rows], language), wanted),
        BASELINES[0]: Spoken([usual] * len(rows), wanted),
        BASELINES[1]: Spoken(near, wanted),
    }


def figures(scores: captions.Scores) -> dict[str, Estimate]:
    estimates = scores.intervals()
    return {key: estimates[key] for key in FIGURES}


def own(record: CaptionedImage, language: str) -> list[str]:
    return captions_in(language, record.captions, record.languages)


def ahead(ours: Spoken, other: Spoken, language: str) -> Estimate:
    """CIDEr-D of ours minus that of another system, picture by picture."""
    mine, others = (
        captions.measure(*spoken, split_of(language).tokenise).per_image()["cider_d"]
        for spoken in (ours, other)
    )
    return bootstrap_mean(mine - others, seed=0)


def table(found: dict[str, Any]) -> str:
    """Markdown: a row for each language and system, and below it what the figures rest on."""
    rows = [f"| language | captions | {' | '.join(FIGURES.values())} |"]
    rows.append("|---" * (len(FIGURES) + 2) + "|")
    notes = []
    for tag, language in found["languages"].items():
        named = f"{tag}, by character" if tag in UNSPACED else tag
        for name, figures in language["systems"].items():
            cells = [interval(figures[key]) for key in FIGURES]
            rows.append(f"| {named} | {name} | {' | '.join(cells)} |")
        counts = ", ".join(f"{size} (of {n:,})" for size, n in language["references"])
        notes.append(
            f"- {tag}: {language['pictures']:,} test pictures; references of a picture: {counts}."
        )
        for name, lead in language["ahead"].items():
            notes.append(f"- {tag}: CIDEr-D above that of the {name}: {interval(lead)}.")
    notes.append(
        "- Against all references of a picture but one, the mean over which is left out; a person "
        "is the one that is left out. Brackets: 95 % bootstrap intervals over pictures."
    )
    for stage, told in found["stages"].items():
        notes.append(
            f"- {stage}: {told['seconds'] / 60:.1f} minutes, {told['steps']:,} steps, "
            f"{sum(told['parameters'].values()) / 1e6:.2f} M weights, {told['precision']}."
        )
    return "\n".join([*rows, "", *notes])


def interval(estimate: Sequence[float]) -> str:
    value, low, high = estimate
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
