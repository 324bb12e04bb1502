"""The inputs of an evaluation's metrics: pictures, captions and the outputs of the models.

The models are called through the signatures of their SavedModels, once for all metrics."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from data import mining
from data.base import files
from data.base.plain_paths import without_patterns
from data.languages import HAN, primary
from data.picture_files import open_picture
from data.schema import CaptionedImage
from trainer import serving
from trainer.evaluation.checks import CaptionReader, ExactCheck, exact_check
from trainer.evaluation.settings import EvaluationSettings
from trainer.export.layout import SAVED_MODEL, SIDECAR, SUMMARY
from trainer.metrics.diversity import Memorisation, memorisation
from trainer.metrics.extractors import FeatureCache, digest_of
from trainer.metrics.recognition import kind_of
from trainer.settings_loader import SettingsError

# Attributes that a caption names, by string matching.


# Languages that may write values in Han characters, without spaces around them.
_HAN_WRITTEN = ("zh", "yue", "ja")
_HAN = re.compile(f"[{HAN}]")
_WORD = re.compile(r"\w+(?:['’\-]\w+)*")


def mentions(caption: str, language: str, attributes: Sequence[str]) -> tuple[str, ...]:
    """The attributes whose value occurs in the caption.

    Args:
      caption: the sentence.
      language: its BCP-47 tag. In Chinese and Japanese, a value in Han characters matches as a
        substring; all other values match as words.
      attributes: `group:value` names; the value is the part after the last colon.

    Returns:
      Those whose words occur in a row in the caption, ignoring case, plural endings and hyphens;
      in the given order.
    """
    folded = caption.casefold()
    words = [_forms(word) for word in _words(folded)]
    unspaced = primary(language) in _HAN_WRITTEN
    return tuple(
        name for name in attributes if _holds(folded, words, name.rpartition(":")[2], unspaced)
    )


def language_of(caption: str, languages: Iterable[str]) -> str:
    """Guesses which of the primary subtags `languages` a caption is in.

    Returns:
      The first language written in Han characters (zh, yue, ja) if the caption has such
      characters, else the first other one. If there is no such language, the first of all.
    """
    options = list(dict.fromkeys(languages))
    han = bool(_HAN.search(caption))
    fitting = [tag for tag in options if (tag in _HAN_WRITTEN) == han]
    return (fitting or options)[0]


class Mentions:
    """Reads captions by `mentions`; the default reader without an exact check."""

    def wanted(self, caption: str, language: str, attributes: Sequence[str]) -> tuple[str, ...]:
        """The attributes of the captioned picture that its caption names."""
        return mentions(caption, language, attributes)

    def said(self, caption: str, language: str, among: Sequence[str]) -> frozenset[str]:
        """Those of the attributes `among` that a caption names."""
        return frozenset(mentions(caption, language, among))

    def meaning(self, caption: str, language: str) -> Hashable:
        """A value that is equal for captions with the same words."""
        return tuple(_words(caption.casefold())) or caption

    def kind(self, attribute: str) -> str:
        """The kind of an attribute, by which metrics are broken down."""
        return kind_of(attribute)


def _words(folded: str) -> list[str]:
    return [re.sub(r"[^\w]", "", word) for word in _WORD.findall(folded)]


def _holds(folded: str, words: Sequence[frozenset[str]], value: str, unspaced: bool) -> bool:
    value = value.casefold()
    if unspaced and _HAN.search(value):
        return value in folded
    sought = [_forms(word) for word in _words(value)]
    return bool(sought) and any(
        all(one & other for one, other in zip(sought, words[start:], strict=False))
        for start in range(len(words) - len(sought) + 1)
    )


def _forms(word: str) -> frozenset[str]:
    """The word and the singulars that it may be the plural of."""
    forms = {word}
    if len(word) > 3:
        for ending, singular in (("s", ""), ("es", ""), ("ies", "y")):
            if word.endswith(ending):
                forms.add(word.removesuffix(ending) + singular)
    return frozenset(forms)


# Decoding and downscaling of pictures outside the models, with Pillow.


THUMBNAIL = 16


def decode(encoded: bytes) -> np.ndarray:
    """Decodes a PNG or JPEG file to uint8 [h, w, 3]; transparent pixels are blended with white."""
    return np.asarray(_open(encoded))


def thumbnail(encoded: bytes) -> np.ndarray:
    """The central square of a picture at 16 x 16, uint8 [16 * 16 * 3]; copies have similar ones."""
    image = _open(encoded, least=4 * THUMBNAIL)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    small = square.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small).reshape(-1)


def thumbnails(pictures: Sequence[bytes]) -> np.ndarray:
    """uint8 [N, 16 * 16 * 3], the `thumbnail` of each."""
    return np.stack([thumbnail(encoded) for encoded in pictures])


def from_thumbnail(values: np.ndarray, side: int) -> bytes:
    """A thumbnail, float or uint8 [16 * 16 * 3], as a PNG file of `side` x `side` pixels."""
    rounded = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    image = Image.fromarray(rounded.reshape(THUMBNAIL, THUMBNAIL, 3))
    return png(image.resize((side, side), Image.Resampling.BILINEAR))


def small_png(encoded: bytes, longest: int = 256) -> bytes:
    """The picture as a PNG file of at most `longest` pixels a side."""
    image = _open(encoded)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return png(image)


def png(image: Image.Image) -> bytes:
    """The picture as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _open(encoded: bytes, least: int | None = None) -> Image.Image:
    """Opens as upright RGB; with `least`, a JPEG is decoded at a reduced scale of at least that
    size."""
    file = open_picture(encoded)
    if least is not None:
        file.image.draft("RGB", (least, least))
    return file.rgb()


# Exported models, called in batches: lists in, NumPy arrays out.


class ServedModel:
    """A SavedModel that is called through its signatures.

    Args:
      directory: of the SavedModel.
      signatures: those that will be called.
      batch_size: rows in one call.

    Raises:
      SettingsError: there is no SavedModel, or it lacks a signature.
    """

    def __init__(self, directory: str, signatures: Sequence[str], batch_size: int):
        if not tf.saved_model.contains_saved_model(directory):
            raise SettingsError(f"{directory}: there is no SavedModel; give a directory with one")
        # Keep the loaded object: signatures have only weak references to its variables.
        self._model = tf.saved_model.load(without_patterns(directory))
        self._batch_size, self.directory = batch_size, directory
        missing = sorted(set(signatures) - set(self._model.signatures))
        if missing:
            raise SettingsError(
                f"{directory}: the SavedModel has no signature {missing}, only "
                f"{sorted(self._model.signatures)}; give the directory of the right model"
            )

    def digest(self) -> str:
        """12 hex digits of a hash of its graph and its weights."""
        return digest_of(_contents(self.directory))

    def languages(self) -> tuple[str, ...]:
        """See `serving.languages`."""
        return serving.languages(self._model)

    def __call__(self, signature: str, **inputs: Sequence) -> dict[str, np.ndarray]:
        """Calls `signature` on inputs of N rows each; returns its outputs of N rows.

        Raises:
          ServingError: the model reports an error for a row.
        """
        kinds = self._model.signatures[signature].structured_input_signature[1]
        count = len(next(iter(inputs.values())))
        outputs: dict[str, list[np.ndarray]] = {}
        for start in range(0, count, self._batch_size):
            rows = slice(start, start + self._batch_size)
            batch = {
                key: tf.constant(value[rows], kinds[key].dtype) for key, value in inputs.items()
            }
            for key, value in serving.ask(self._model, signature, **batch).items():
                outputs.setdefault(key, []).append(value)
        return {key: np.concatenate(parts) for key, parts in outputs.items()}


class ServedSpace:
    """An embedding space of captions and pictures.

    Attributes:
      extractor: a name, a colon and the model's digest.
    """

    def __init__(self, directory: str, batch_size: int, name: str, more: Sequence[str] = ()):
        self._model = ServedModel(directory, ("embed_text", "embed_image", *more), batch_size)
        self.extractor = f"{name}:{self._model.digest()}"

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings of captions, float32 [N, d]."""
        return self._model("embed_text", text=list(texts))["embedding"]

    def embed_images(self, pictures: Sequence[bytes]) -> np.ndarray:
        """Embeddings of PNG or JPEG files, float32 [N, d]."""
        return self._model("embed_image", image_bytes=list(pictures))["embedding"]


class ServedEncoder(ServedSpace):
    """The shared embedding space, with unit vectors, and the attribute recogniser.

    Attributes:
      names: the A attributes; set by the first call of `attributes`.
      thresholds: float32 [A], the lowest scores that count as present; set with `names`, 0.5 for
        a model without thresholds.
    """

    def __init__(self, directory: str, batch_size: int):
        super().__init__(directory, batch_size, "encoder", ("attributes",))
        self.names: tuple[str, ...] = ()
        self.thresholds = np.zeros(0, np.float32)

    def attributes(self, pictures: Sequence[bytes]) -> np.ndarray:
        """Scores of `names`, float32 [N, A]; 0 for an attribute that the output of a picture lacks.

        The first call sets `names`.
        """
        answer = self._model("attributes", image_bytes=list(pictures))
        names, scores = answer["name"], answer["score"]
        if not self.names:
            thresholds = answer.get("threshold", np.full_like(scores, 0.5))
            asked = dict(zip(names.ravel(), thresholds.ravel(), strict=True))
            self.names = tuple(name.decode("utf-8") for name in asked)
            self.thresholds = np.fromiter(asked.values(), np.float32)
        column = {name.encode("utf-8"): index for index, name in enumerate(self.names)}
        result = np.zeros((len(names), len(self.names)), np.float32)
        if (names == names[:1]).all():
            _place(result, names[0], scores, column)
        else:
            for row in range(len(names)):
                _place(result[row], names[row], scores[row], column)
        return result


def _contents(directory: str) -> Iterator[bytes]:
    yield files.read(files.join(directory, SAVED_MODEL))
    for path in files.matching(files.join(directory, "variables"), "*"):
        yield files.read(path)


def _place(
    result: np.ndarray, names: np.ndarray, scores: np.ndarray, column: dict[bytes, int]
) -> None:
    """Copies scores [..., a] of `names` [a] to their columns of `result` [..., A]."""
    for index, name in enumerate(names):
        if name in column:
            result[..., column[name]] = scores[..., index]


class ServedCaptioner:
    """A captioner.

    Attributes:
      languages: those that can be requested; () if the model does not list them.
    """

    def __init__(self, directory: str, batch_size: int):
        self._model = ServedModel(directory, ("serving_default",), batch_size)
        self.languages = self._model.languages()

    def __call__(self, pictures: Sequence[bytes], language: str | None = None) -> list[str]:
        """Captions of PNG or JPEG files; `language` is one of `languages` or None."""
        inputs, signature = {"image_bytes": list(pictures)}, "serving_default"
        if language is not None:
            inputs["language"], signature = [language.encode()] * len(pictures), "caption_in"
        answer = self._model(signature, **inputs)["caption"]
        return [caption.decode("utf-8") for caption in answer]


class ServedGenerator:
    """A generator with a fixed truncation."""

    def __init__(self, directory: str, batch_size: int, truncation: float):
        self._model = ServedModel(directory, ("generate",), batch_size)
        self._truncation = truncation

    def training(self) -> dict[str, Any] | None:
        """The summary of its training, or None if it was exported without one."""
        path = files.join(self._model.directory, f"{SIDECAR.as_posix()}/{SUMMARY}")
        return json.loads(files.read(path)) if files.is_file(path) else None

    def __call__(self, texts: Sequence[str], seeds: Sequence[int]) -> list[bytes]:
        """PNG files; each picture depends only on its own text and seed."""
        truncation = [self._truncation] * len(texts)
        answer = self._model("generate", text=list(texts), seed=list(seeds), truncation=truncation)
        return list(answer["image_bytes"])


# Captions of pictures in each requested language.


class Described(NamedTuple):
    """One caption of the picture in `row`; `language` is a primary subtag."""

    row: int
    language: str
    text: str


def describe(
    captioner: ServedCaptioner,
    pictures: Sequence[bytes],
    spoken: Sequence[Sequence[str]],
    wanted: Sequence[Sequence[str]],
) -> list[Described]:
    """Captions each of N pictures once in every wanted language that the captioner supports.

    If it supports none of them, the picture gets one caption in the captioner's first language. A
    captioner without a choice of language gives one caption a picture, whose language is guessed.

    Args:
      captioner: the model.
      pictures: N PNG or JPEG files.
      spoken: for each picture, the candidates for the guess.
      wanted: for each picture, the languages to request.

    Returns:
      The captions, ordered by picture.
    """
    if not captioner.languages:
        texts = captioner(pictures)
        return [Described(i, language_of(text, spoken[i]), text) for i, text in enumerate(texts)]
    first, said = captioner.languages[0], []
    for language in captioner.languages:
        rows = [
            row
            for row, tags in enumerate(wanted)
            if language in tags or (language == first and not set(tags) & set(captioner.languages))
        ]
        texts = captioner([pictures[row] for row in rows], language) if rows else []
        said += [Described(row, language, text) for row, text in zip(rows, texts, strict=True)]
    return sorted(said, key=lambda one: one.row)


def one_each(said: Sequence[Described], wanted: Sequence[str]) -> list[Described]:
    """For each picture, the caption in its wanted language, or the first if there is none."""
    found: dict[int, Described] = {}
    for one in said:
        if one.row not in found or one.language == wanted[one.row]:
            found[one.row] = one
    return [found[row] for row in range(len(wanted))]


# The judge: a second encoder, or the run's encoder if there is no second one.


@dataclass(frozen=True)
class Seen:
    """An encoder's output for N pictures.

    Attributes:
      embedding: float32 [N, d], unit vectors.
      scores: float32 [N, A], scores of the attributes.
    """

    embedding: np.ndarray
    scores: np.ndarray

    def repeated(self, count: int) -> Seen:
        """The only picture, repeated `count` times."""
        return Seen(np.repeat(self.embedding, count, 0), np.repeat(self.scores, count, 0))


@dataclass(frozen=True)
class Judged:
    """The judge's outputs for N prompts and their pictures.

    Attributes:
      encoder: the judge.
      words: description of the judge, for protocols.
      text: float32 [N, d], embeddings of the prompts.
      real: of the real pictures that the prompts describe.
      fake: of the generated pictures; None without a generator.
      baselines: by name, of N pictures that need no generator: the mean training picture, and for
        each prompt the training picture that the run's encoder retrieves.
    """

    encoder: ServedEncoder
    words: str
    text: np.ndarray
    real: Seen
    fake: Seen | None
    baselines: dict[str, Seen]


MEAN_IMAGE = "mean_image"
NEAREST_BY_TEXT = "nearest_training_by_text"


def look(encoder: ServedEncoder, pictures: Sequence[bytes]) -> Seen:
    """The encoder's output for PNG or JPEG files."""
    return Seen(encoder.embed_images(pictures), encoder.attributes(pictures))


def words_for(own: bool) -> str:
    """Description of the judge, for protocols."""
    if own:
        return "a judge, an encoder other than the run's own"
    return "the run's encoder, which the generator was trained against"


# All inputs of the metrics.


class NotMeasured(Exception):
    """A metric cannot be computed from these models and data; the message says why."""


@dataclass
class Timings:
    """Seconds by stage, in order of execution."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time of the block to stage `name`."""
        start = perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start


@dataclass(frozen=True)
class Models:
    """The evaluated models; judge, captioner and generator may be missing."""

    encoder: ServedEncoder
    judge: ServedEncoder | None
    captioner: ServedCaptioner | None
    generator: ServedGenerator | None


@dataclass(frozen=True)
class Prompts:
    """One caption of each judged picture.

    Attributes:
      texts, languages: the N captions and their BCP-47 tags.
      seeds: N seeds of the generator's noise.
      wanted: for each prompt, the attributes that its picture must show.
      meanings: for each prompt, a value that is equal for captions with the same meaning.
    """

    texts: list[str]
    languages: list[str]
    seeds: list[int]
    wanted: list[tuple[str, ...]]
    meanings: list


@dataclass(frozen=True)
class Training:
    """The training pictures that are searched for neighbours.

    Attributes:
      records: M captioned pictures.
      embedding: float32 [M, d], by the run's encoder.
      thumbnails: uint8 [M, P].
    """

    records: Sequence[CaptionedImage]
    embedding: np.ndarray
    thumbnails: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """Everything that the metrics are computed from, for N test pictures.

    Attributes:
      settings: of the evaluation.
      models: the evaluated models.
      reader: extracts attributes from captions.
      check: the exact check, or None.
      records: the N test pictures.
      prompts: one caption of each.
      text: float32 [N, d], embeddings of the prompts by the run's encoder.
      real: the run's encoder's output for the test pictures.
      training: the training pictures.
      neighbour_pictures: for each prompt, the nearest training picture.
      mean_picture: the mean training picture.
      judged: the judge's outputs, for metrics of generated pictures.
      cache: of the features of real pictures.
      generated: N generated pictures; None without a generator.
      captions: of the test pictures, in every language in which a picture has captions; None
        without a captioner.
      fake_captions: of the generated pictures, one each, in the language of its prompt; None
        without a generator or a captioner.
    """

    settings: EvaluationSettings
    models: Models
    reader: CaptionReader
    check: ExactCheck | None
    records: Sequence[CaptionedImage]
    prompts: Prompts
    text: np.ndarray
    real: Seen
    training: Training
    neighbour_pictures: list[bytes]
    mean_picture: bytes
    judged: Judged
    cache: FeatureCache
    generated: list[bytes] | None
    captions: list[Described] | None
    fake_captions: list[Described] | None

    @property
    def names(self) -> tuple[str, ...]:
        """The recogniser's attributes."""
        return self.models.encoder.names

    @property
    def thresholds(self) -> np.ndarray:
        """float32 [A], the lowest score of each of `names` that counts as present."""
        return self.models.encoder.thresholds

    @property
    def test_pictures(self) -> list[bytes]:
        """The files of the test pictures."""
        return [record.encoded for record in self.records]

    @cached_property
    def memorised(self) -> Memorisation:
        """The search for copies; raises NotMeasured without a generator."""
        if self.generated is None:
            raise NotMeasured("there is no generator")
        return memorisation(
            thumbnails(self.generated),
            thumbnails(self.test_pictures),
            self.training.thumbnails,
            seed=self.settings.seed,
        )

    def training_embedding(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """The judge's embeddings of training pictures, float32 [rows, d]."""
        if self.models.judge is None:
            return self.training.embedding[rows]
        return self.models.judge.embed_images([self.training.records[row].encoded for row in rows])


# Runs the models on the pictures, once for all metrics.


_SEEDS_PER_RUN = 1_000_000


def gather(
    models: Mapping[str, str],
    test: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
    timings: Timings,
) -> Evidence:
    """Runs the models on the pictures; see `evaluate` for the arguments."""
    check = exact_check(settings.exact_check) if settings.exact_check else None
    reader: CaptionReader = check or Mentions()
    with timings.stage("load models"):
        served = _load(models, settings)
    records = _subset(test, settings.samples, settings.seed)
    with timings.stage("look at real pictures"):
        real = look(served.encoder, [record.encoded for record in records])
        records = labelled(records, served.encoder.names)
        prompts = _prompts(records, reader, settings)
        text = served.encoder.embed_text(prompts.texts)
    cache = FeatureCache(settings.cache_dir)
    with timings.stage("look at training pictures"):
        training = _training(served.encoder, train, settings, cache)
        nearest = (text @ training.embedding.T).argmax(1)
        neighbours = [training.records[index].encoded for index in nearest]
        mean = from_thumbnail(training.thumbnails.mean(0), 64)
    generated = captions = fake_captions = None
    if served.generator is not None:
        with timings.stage("generate"):
            generated = served.generator(prompts.texts, prompts.seeds)
    with timings.stage("let the judge look"):
        judged = _judged(served, records, prompts, (text, real), (neighbours, mean), generated)
    spoken = [[primary(tag) for tag in record.languages] for record in records]
    if served.captioner is not None:
        with timings.stage("caption real pictures"):
            captions = describe(
                served.captioner, [record.encoded for record in records], spoken, spoken
            )
    if served.captioner is not None and generated is not None:
        with timings.stage("caption generated pictures"):
            asked = [[primary(tag)] for tag in prompts.languages]
            fake_captions = describe(served.captioner, generated, spoken, asked)
    return Evidence(
        settings=settings,
        models=served,
        reader=reader,
        check=check,
        records=records,
        prompts=prompts,
        text=text,
        real=real,
        training=training,
        neighbour_pictures=neighbours,
        mean_picture=mean,
        judged=judged,
        cache=cache,
        generated=generated,
        captions=captions,
        fake_captions=fake_captions,
    )


def _judged(
    served: Models,
    records: Sequence[CaptionedImage],
    prompts: Prompts,
    own: tuple[np.ndarray, Seen],
    simple: tuple[Sequence[bytes], bytes],
    generated: Sequence[bytes] | None,
) -> Judged:
    """The judge's outputs; without a judge, those of the run's encoder, `own`.

    Args:
      served: the models.
      records, prompts: the test pictures and one caption of each.
      own: the run's encoder's embeddings of the prompts and its output for the test pictures.
      simple: the baselines: the training picture of each prompt, and the mean picture.
      generated: the generated pictures, or None.
    """
    judge, (text, real), (neighbours, mean) = served.judge or served.encoder, own, simple
    if served.judge is not None:
        text = judge.embed_text(prompts.texts)
        real = look(judge, [record.encoded for record in records])
    return Judged(
        encoder=judge,
        words=words_for(served.judge is not None),
        text=text,
        real=real,
        fake=None if generated is None else look(judge, generated),
        baselines={
            MEAN_IMAGE: look(judge, [mean]).repeated(len(records)),
            NEAREST_BY_TEXT: look(judge, neighbours),
        },
    )


def _load(models: Mapping[str, str], settings: EvaluationSettings) -> Models:
    unknown = sorted(set(models) - {"encoder", "captioner", "generator", "judge"})
    if unknown or "encoder" not in models:
        raise ValueError(
            f"models {sorted(models)}: needed is encoder, allowed are captioner, generator, judge"
        )
    size = settings.batch_size
    captioner, generator, judge = (models.get(name) for name in ("captioner", "generator", "judge"))
    return Models(
        ServedEncoder(models["encoder"], size),
        ServedEncoder(judge, size) if judge else None,
        ServedCaptioner(captioner, size) if captioner else None,
        ServedGenerator(generator, size, settings.truncation) if generator else None,
    )


def _subset(records: Sequence[CaptionedImage], count: int, seed: int) -> Sequence[CaptionedImage]:
    if len(records) <= count:
        return records
    chosen = np.random.default_rng(seed).choice(len(records), count, replace=False)
    return [records[index] for index in sorted(chosen)]


def labelled(records: Sequence[CaptionedImage], names: Sequence[str]) -> Sequence[CaptionedImage]:
    """Returns the pictures; with mined labels if the recogniser knows none of their attributes."""
    known = set(names)
    if any(known.intersection(record.attributes) for record in records):
        return records
    return mining.relabel(records, names)


def _prompts(
    records: Sequence[CaptionedImage], reader: CaptionReader, settings: EvaluationSettings
) -> Prompts:
    rng = np.random.default_rng(settings.seed + 1)
    chosen = [int(rng.integers(len(record.captions))) for record in records]
    texts = [record.captions[index] for record, index in zip(records, chosen, strict=True)]
    languages = [record.languages[index] for record, index in zip(records, chosen, strict=True)]
    first = settings.seed * _SEEDS_PER_RUN
    return Prompts(
        texts=texts,
        languages=languages,
        seeds=list(range(first, first + len(records))),
        wanted=[
            reader.wanted(text, language, record.attributes)
            for text, language, record in zip(texts, languages, records, strict=True)
        ],
        meanings=[
            reader.meaning(text, language) for text, language in zip(texts, languages, strict=True)
        ],
    )


def _training(
    encoder: ServedEncoder,
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
    cache: FeatureCache,
) -> Training:
    records = _subset(train, settings.train_samples, settings.seed + 2)
    encoded = [record.encoded for record in records]
    seen = cache.arrays(
        encoded, encoder.extractor, lambda: {"embedding": encoder.embed_images(encoded)}
    )
    small = cache.arrays(
        encoded,
        f"thumbnail:{THUMBNAIL}",
        lambda: {"pixels": thumbnails(encoded)},
    )
    return Training(records, seen["embedding"], small["pixels"])
