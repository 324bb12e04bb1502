"""Shared by all signatures: inputs are checked row by row, and rows are computed in chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from data import images, text
from data.base.graphs import graph
from data.images import has_endless_scans, preprocess
from data.picture_bytes import JPEG_MAGIC, MOST_SCANS, PNG_MAGIC
from trainer.config import Experiment, ExportSettings

# Rows are computed in chunks of a fixed size, so that an output does not depend on its batch.
#
# A matrix product or a convolution may sum in another order for another number of rows, and then
# differs in its last bits. With a fixed number of rows, the output of a row does not depend on the
# other rows. Whether it depends on its position in the chunk is a property of the chunk size and of
# the kernels: `trainer.models.layers` handles that, and `make test-processors` tests it.


def in_chunks(function: Callable[..., Any], rows: tuple, size: int, signature: Any) -> Any:
    """Applies `function` to `size` rows at a time. The last row is repeated to fill the last chunk.

    Args:
      function: takes the tensors of `rows` with `size` rows each, returns a structure of tensors.
      rows: tensors [N, ...] whose other dimensions are static; N may be 0.
      size: rows in a chunk.
      signature: structure of `tf.TensorSpec` for one row of the result of `function`.

    Returns:
      That structure with N rows.
    """
    count = tf.shape(rows[0])[0]
    chunks = (count + size - 1) // size
    # Fill with copies of the last row: they do not lengthen a beam search.
    places = tf.minimum(tf.range(chunks * size), count - 1)

    def cut(x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.gather(x, places), [chunks, size, *x.shape[1:]])

    def joined(x: tf.Tensor, one: tf.TensorSpec) -> tf.Tensor:
        return tf.reshape(x, [chunks * size, *one.shape])[:count]

    of_chunk = tf.nest.map_structure(
        lambda one: tf.TensorSpec([size, *one.shape], one.dtype), signature
    )
    found = tf.map_fn(
        lambda chunk: function(*chunk),
        tuple(cut(x) for x in rows),
        fn_output_signature=of_chunk,
    )
    return tf.nest.map_structure(joined, found, signature)


# Errors of single rows: a server batches the requests of several clients, and one bad request must
# not fail the others.


ERROR = "error"


def first_of(*errors: tf.Tensor) -> tf.Tensor:
    """The first message of each row that is not empty: string [N]."""
    found, *others = errors
    for other in others:
        found = tf.where(found == "", other, found)
    return found


def where(wrong: tf.Tensor, message: str | tf.Tensor) -> tf.Tensor:
    """`message` where `wrong`, bool [N], else empty: string [N]."""
    return tf.where(wrong, message, "")


def with_errors(answer: dict[str, tf.Tensor], errors: tf.Tensor) -> dict[str, tf.Tensor]:
    """Adds the output `error`, and blanks all other outputs in rows with an error.

    Args:
      answer: outputs [N, ...] by name; may be the result of an earlier `with_errors`.
      errors: string [N], empty for rows without an error; they take precedence over those of
        `answer`.

    Returns:
      The outputs, with empty strings and zeros in rows with an error.
    """
    answer = dict(answer)
    if ERROR in answer:
        errors = first_of(errors, answer.pop(ERROR))
    well = errors == ""

    def blanked(x: tf.Tensor) -> tf.Tensor:
        mask = well
        for _ in x.shape[1:]:
            mask = mask[..., None]
        return tf.where(mask, x, tf.zeros_like(x))

    return {name: blanked(x) for name, x in answer.items()} | {ERROR: errors}


def attempt(
    function: Callable[[tf.Tensor], Any], rows: tf.Tensor, signature: Any
) -> tuple[tf.Tensor, Any]:
    """Applies `function` to each row; an error in one row does not fail the others.

    A graph cannot catch an error, but a tf.data pipeline can skip an element that raises one.

    Args:
      function: maps a scalar string to a structure of tensors; may raise for any row.
      rows: string [N].
      signature: structure of fully defined `tf.TensorSpec` of its result.

    Returns:
      bool [N], whether the row succeeded; and the structure with N rows, zeros and "" where it
      failed.
    """
    count = tf.shape(rows)[0]
    nothing = tf.nest.map_structure(lambda one: tf.zeros(one.shape, one.dtype), signature)
    numbered = tf.autograph.experimental.do_not_convert(lambda place, row: (place, function(row)))
    tried = tf.data.Dataset.from_tensor_slices((tf.range(count), rows))
    tried = tried.map(numbered).ignore_errors()
    # Entry 0 is the default for all rows that failed.
    found = tf.data.Dataset.from_tensors((count, nothing)).concatenate(tried)
    found = found.batch(tf.cast(count, tf.int64) + 1).with_options(_plain())
    places, values = found.get_single_element()
    entries = tf.range(tf.size(places))
    entry = tf.scatter_nd(places[:, None], entries, [count + 1])[:count]
    return entry > 0, tf.nest.map_structure(lambda x: tf.gather(x, entry), values)


def _plain() -> tf.data.Options:
    """Options without optimisation, which would not pay off for a single request."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options


# Inputs, checked row by row: captions, picture files, tf.Examples, numbers.


# Length and name of a PNG's first chunk.
_PNG_HEADER = b"\x00\x00\x00\rIHDR"
_DAMAGED = "the picture cannot be decoded: the file is damaged or cut short"


def read_texts(text: tf.Tensor, limits: ExportSettings) -> tuple[tf.Tensor, tf.Tensor]:
    """Checks captions, string [N].

    Returns:
      The captions, string [N], empty where there is an error; and errors, string [N].
    """
    longest = limits.caption_bytes
    errors = where(
        tf.strings.length(text) > longest,
        f"the caption is longer than {longest} bytes of UTF-8; shorten it",
    )
    return tf.where(errors == "", text, ""), errors


def read_pictures(
    encoded: tf.Tensor, resolution: int, limits: ExportSettings
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes picture files; one that cannot be decoded does not fail the others.

    Args:
      encoded: string [N], PNG or JPEG files; they are rotated by their Exif orientation.
      resolution: side R of the result, in pixels.
      limits: `picture_bytes` and `picture_pixels`; larger pictures are not decoded.

    Returns:
      Pictures, uint8 [N, R, R, 3], black where there is an error; and errors, string [N].
    """
    largest, most = limits.picture_bytes, limits.picture_pixels
    jpeg, png = _starts_with(encoded, JPEG_MAGIC), _starts_with(encoded, PNG_MAGIC)
    # Decoders skip other chunks before the header, but `_pixels` would read them as the header.
    headless = png & ~_starts_with(encoded, PNG_MAGIC + _PNG_HEADER)
    before = first_of(
        where(encoded == "", "there is no picture: the field is empty"),
        where(
            tf.strings.length(encoded) > largest,
            f"the picture file is larger than {largest} bytes; scale it down",
        ),
        where(~(jpeg | png), "the picture is neither a PNG nor a JPEG file"),
        where(headless, _DAMAGED),
    )

    def read(one: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        pixels, endless = _pixels(one), has_endless_scans(one)
        picture = tf.cond(
            (pixels > most) | endless,
            lambda: tf.zeros([resolution, resolution, 3], tf.uint8),
            lambda: preprocess(one, resolution),
        )
        return picture, pixels, endless

    signature = (
        tf.TensorSpec([resolution, resolution, 3], tf.uint8),
        tf.TensorSpec([], tf.int64),
        tf.TensorSpec([], tf.bool),
    )
    # Rows with an error become empty strings, which fail at once.
    well, (pictures, pixels, endless) = attempt(
        read, tf.where(before == "", encoded, ""), signature
    )
    after = first_of(
        where(~well, _DAMAGED),
        where(pixels > most, f"the picture has more than {most} pixels; scale it down"),
        where(
            endless, f"the JPEG has more than {MOST_SCANS} scans; save it as a PNG or a new JPEG"
        ),
    )
    return pictures, first_of(before, after)


def read_examples(examples: tf.Tensor, key: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads the feature `key` of serialized tf.Examples.

    Takes the first value of a feature with several, such as captions; "" for one without values.

    Args:
      examples: string [N].
      key: the name of a feature of strings.

    Returns:
      Values, string [N], and errors, string [N].
    """

    def read(one: tf.Tensor) -> tf.Tensor:
        parsed = tf.io.parse_single_example(one, {key: tf.io.VarLenFeature(tf.string)})[key]
        return tf.concat([parsed.values, [""]], axis=0)[0]

    well, values = attempt(read, examples, tf.TensorSpec([], tf.string))
    message = f"this is no serialized tf.Example with strings as {key}"
    return values, where(~well, message)


def check_range(name: str, values: tf.Tensor, highest: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Checks numbers, float32 [N].

    Returns:
      The numbers, float32 [N], 0 where they are outside 0 to `highest`; and errors, string [N].
    """
    right = (values >= 0.0) & (values <= highest)
    message = f"{name} must be a number from 0 to {highest:g}"
    return tf.where(right, values, 0.0), where(~right, message)


def require_same_length(**columns: tf.Tensor) -> list[tf.Tensor]:
    """Fails the request, in the graph, if its inputs differ in their number of rows.

    Returns:
      The columns, with a control dependency on the check.
    """
    (first, expected), *others = columns.items()
    checks = [
        tf.debugging.assert_equal(
            tf.shape(expected),
            tf.shape(column),
            f"{first} and {name} must have the same number of rows",
        )
        for name, column in others
    ]
    with tf.control_dependencies([check for check in checks if check is not None]):
        return [tf.identity(column) for column in columns.values()]


def _starts_with(encoded: tf.Tensor, magic: bytes) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(magic)) == magic


def _pixels(encoded: tf.Tensor) -> tf.Tensor:
    """Width times height, int64 scalar, from the header of a PNG or JPEG file."""

    def of_jpeg() -> tf.Tensor:
        shape = tf.cast(tf.image.extract_jpeg_shape(encoded), tf.int64)
        return shape[0] * shape[1]

    def of_png() -> tf.Tensor:
        # Width and height follow the signature and the first chunk's length and name.
        header = tf.io.decode_raw(tf.strings.substr(encoded, 16, 8), tf.int32, little_endian=False)
        # PNG has no sides of 2^31 or more; as a negative number, one would pass the check.
        sides = tf.cast(tf.bitcast(header, tf.uint32), tf.int64)
        return sides[0] * sides[1]

    return tf.cond(_starts_with(encoded, JPEG_MAGIC), of_jpeg, of_png)


# Weights, text and picture input, and tf.Example input of all exported models.


def column(name: str, dtype: tf.DType) -> tf.TensorSpec:
    """The spec of an argument [N] called `name` in the signature."""
    return tf.TensorSpec([None], dtype, name=name)


def strings(name: str) -> tf.TensorSpec:
    """The spec of a string [N] argument called `name` in the signature."""
    return column(name, tf.string)


class ServedModule(tf.Module):
    """Tracks the state of a SavedModel: the variables of Keras models and the vocabulary table.

    It does not track the Keras models: a Keras 3 model attached to a tf.Module would add its own
    saving logic to the export.
    """

    def __init__(self, models: tuple[keras.Layer, ...], experiment: Experiment, token_file: str):
        super().__init__()
        self.weights = [variable.value for model in models for variable in model.variables]
        self.table = text.table_from_file(token_file)
        self._limits = experiment.export
        self._max_length, self._resolution = experiment.data.max_length, experiment.data.resolution

    def texts(self, captions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `read_texts`."""
        return read_texts(captions, self._limits)

    def ids(self, captions: tf.Tensor) -> tf.Tensor:
        """Token ids, int32 [N, max_length], of captions, string [N]."""
        return text.encode(captions, self.table, self._max_length)

    def oov(self, captions: tf.Tensor) -> tf.Tensor:
        """The fraction of unknown words, float32 [N], in captions, string [N]."""
        return text.oov_share(captions, self.table)

    def pictures(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Decodes PNG or JPEG files, string [N].

        Returns:
          Pictures, float32 [N, R, R, 3] in [-1, 1], and errors, string [N].
        """
        pixels, errors = read_pictures(encoded, self._resolution, self._limits)
        return images.to_float(pixels), errors

    def in_chunks(self, function: Callable[..., Any], rows: tuple, signature: Any) -> Any:
        """See the function `in_chunks`; the chunk size is that of the settings."""
        return in_chunks(function, rows, self._limits.chunk, signature)


def from_examples(key: str, answer: Callable[[tf.Tensor], dict[str, tf.Tensor]]):
    """A signature that passes the feature `key` of serialized tf.Examples to `answer`."""

    def examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        values, errors = read_examples(examples, key)
        return with_errors(answer(values), errors)

    return graph(examples, input_signature=[strings("examples")])
