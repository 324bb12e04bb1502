"""What compressed models cost and lose, against the SavedModels that they were made of.

python -m benchmarks.compressed MODELS EXAMPLES --pictures 500

MODELS holds encoder, captioner and generator, each a SavedModel or a directory of versions;
`export.compressed` must have named the forms. EXAMPLES is a split of captioned tf.Examples, such as
`pipeline_root/CaptionExampleGen/examples/*/Split-test` of a run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from components import artifact_files
from data import images, text
from data.languages import captions_in, primary
from data.schema import CaptionedImage
from trainer import serving
from trainer.evaluation.checks import SceneCheck
from trainer.evaluation.inputs import decode
from trainer.export.layout import SIDECAR
from trainer.export.lite import DIRECTORY
from trainer.metrics.captions import score
from trainer.metrics.tokens import split_of

LITE = SIDECAR / DIRECTORY
Figures = dict[str, float]


class Times(NamedTuple):
    """Milliseconds of one row, by the clock and of the processors."""

    wall: float
    processor: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path)
    parser.add_argument("examples", type=Path)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    records = list(artifact_files.read_examples(str(arguments.examples), arguments.pictures))
    encoder = serving.load(str(newest(arguments.models / "encoder")))
    measures = {
        "generator": painting(newest(arguments.models / "generator"), records, encoder),
        "captioner": telling(newest(arguments.models / "captioner"), records),
    }
    for name, (directory, whole, measure) in measures.items():
        rows = {"SavedModel": (size_of(directory / "variables"), *measure(whole))}
        files = sorted((directory / LITE).glob("*.tflite"), key=size_of, reverse=True)
        for file in files:
            answer = Lite(file, arguments.threads)
            rows[f"LiteRT {file.stem}"] = (size_of(file), *measure(answer))
        table(name, rows)


class Lite:
    """A LiteRT model that answers one row at a time."""

    def __init__(self, file: Path, threads: int):
        interpreter = tf.lite.Interpreter(str(file), num_threads=threads)
        self._run = interpreter.get_signature_runner()

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        return self._run(**inputs)


def painting(directory: Path, records: list[CaptionedImage], encoder: Any):
    """(directory, the SavedModel as a function of one row, what measures such a function)."""
    model = serving.load(str(directory))
    table_of = text.table_from_file(str(directory / "assets" / "tokens.txt"))
    with np.load(directory / LITE / "sample.npz") as sample:
        length, width = sample["in_ids"].shape[1], sample["in_noise"].shape[1]
    captions = [record.captions[0] for record in records]
    languages = [record.languages[0] for record in records]
    ids = text.encode(tf.constant(captions), table_of, length).numpy()
    noise = np.stack([tf.random.stateless_normal([width], [row, 0]) for row in range(len(ids))])
    said = model_embeddings(encoder, "embed_text", "text", captions)
    exact = np.stack(
        [decode(one.png) for one in serving.generate(model, captions, range(len(ids)))]
    )

    def whole(row: int) -> np.ndarray:
        return decode(serving.generate(model, captions[row : row + 1], [row])[0].png)

    def measure(answer: Callable) -> tuple[Times, Figures]:
        def one(row: int) -> np.ndarray:
            if answer is whole:
                return whole(row)
            found = answer(ids=ids[row : row + 1], noise=noise[row : row + 1])
            return found["picture"][0]

        pictures, times = timed(one, len(captions))
        files = [tf.io.encode_png(picture).numpy() for picture in pictures]
        seen = model_embeddings(encoder, "embed_image", "image_bytes", files)
        apart = np.abs(np.stack(pictures).astype(int) - exact)
        figures = {
            "mean difference, of 255": float(apart.mean()),
            "cosine of text and picture": float((said * seen).sum(1).mean()),
        }
        return times, figures | _agreement(pictures, captions, languages)

    return directory, whole, measure


def telling(directory: Path, records: list[CaptionedImage]):
    """As `painting`, of captions."""
    model = serving.load(str(directory))
    languages = serving.languages(model)
    tokens = text.Vocabulary.from_file(str(directory / "assets" / "tokens.txt"))
    with np.load(directory / LITE / "sample.npz") as sample:
        side = sample["in_picture"].shape[1]
    files = [record.encoded for record in records]
    pixels = images.to_float(images.preprocess_batch(tf.constant(files), side)).numpy()
    asked = [primary(record.languages[0]) for record in records]
    asked = [tag if tag in languages else languages[0] for tag in asked]
    pieces = tf.constant(tokens.pieces)

    def whole(row: int) -> str:
        return serving.caption(model, files[row : row + 1], asked[row])[0].text

    exact = [whole(row) for row in range(len(records))]

    def measure(answer: Callable) -> tuple[Times, Figures]:
        def one(row: int) -> Any:
            if answer is whole:
                return whole(row)
            number = np.array([languages.index(asked[row])], np.int32)
            return answer(picture=pixels[row : row + 1], language=number)["ids"]

        found, times = timed(one, len(records))
        if answer is not whole:
            said = text.decode(tf.constant(np.concatenate(found)), pieces).numpy()
            found = [caption.decode() for caption in said]
        same = np.mean([one == other for one, other in zip(found, exact, strict=True)])
        return times, {"same captions": float(same)} | _truth(found, asked, records)

    return directory, whole, measure


def _agreement(pictures: list[np.ndarray], captions: list[str], languages: list[str]) -> Figures:
    """The exact check of generated scenes, where the captions are theirs."""
    check = SceneCheck()
    verdicts = [
        check.judge(check.see(picture), caption, language)
        for picture, caption, language in zip(pictures, captions, languages, strict=True)
        if check.wanted(caption, language, ())
    ]
    claims = [value for verdict in verdicts for value in verdict.values()]
    return {"pixel_agreement": float(np.mean(claims))} if claims else {}


def _truth(said: list[str], languages: list[str], records: list[CaptionedImage]) -> Figures:
    check = SceneCheck()
    figures: Figures = {}
    if any(check.wanted(record.captions[0], record.languages[0], ()) for record in records):
        right = [
            check.is_right(caption, tag, record.attributes)
            for caption, tag, record in zip(said, languages, records, strict=True)
        ]
        figures["caption_truth"] = float(np.mean(right))
    for tag in sorted(set(languages)):
        rows = [row for row, other in enumerate(languages) if other == tag]
        references = [
            captions_in(tag, records[row].captions, records[row].languages) for row in rows
        ]
        kept = [(said[row], found) for row, found in zip(rows, references, strict=True) if found]
        if len(kept) > 1:
            candidates, wanted = map(list, zip(*kept, strict=True))
            scored = score(candidates, wanted, split_of(tag).tokenise)
            figures[f"cider_d {tag}"] = scored["cider_d"]
    return figures


def timed(one: Callable[[int], Any], count: int) -> tuple[list[Any], Times]:
    """Answers of all rows and the median times of one, without the first."""
    found, seconds = [], []
    for row in range(count):
        begun = time.perf_counter(), time.process_time()
        found.append(one(row))
        seconds.append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    return found, Times(*(1000 * np.median(seconds[1:], axis=0)))


def model_embeddings(model: Any, signature: str, name: str, rows: list) -> np.ndarray:
    parts = [
        serving.ask(model, signature, **{name: tf.constant(rows[i : i + 64])})["embedding"]
        for i in range(0, len(rows), 64)
    ]
    return np.concatenate(parts)


def newest(directory: Path) -> Path:
    """The directory, or the version in it with the highest number."""
    if (directory / "saved_model.pb").is_file():
        return directory
    versions = [path for path in directory.iterdir() if path.name.isdigit()]
    return max(versions, key=lambda path: int(path.name))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all in a directory."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def table(name: str, rows: dict[str, tuple[int, Times, Figures]]) -> None:
    """Prints Markdown."""
    figures = list(next(iter(rows.values()))[2])
    print(f"\n| {name} | MiB | ms | ms of processor | {' | '.join(figures)} |")
    print("|---" * (len(figures) + 4) + "|")
    for form, (size, times, found) in rows.items():
        cells = [f"{size / 2**20:.2f}", f"{times.wall:.1f}", f"{times.processor:.1f}"]
        cells += [f"{found[figure]:.3f}" for figure in figures]
        print(f"| {form} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
