"""One captioned picture: feature keys, the typed record, and its tf.train.Example."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

IMAGE_ENCODED = "image/encoded"
IMAGE_ID = "image/id"
IMAGE_HEIGHT = "image/height"
IMAGE_WIDTH = "image/width"
IMAGE_CHANNELS = "image/channels"
CAPTION_TEXT = "caption/text"
CAPTION_LANGUAGE = "caption/language"
ATTRIBUTE_NAME = "attribute/name"
SPLIT = "split"

SPLITS = ("train", "val", "test")

RAW_FEATURE_SPEC = {
    IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string),
    IMAGE_ID: tf.io.FixedLenFeature([], tf.string),
    IMAGE_HEIGHT: tf.io.FixedLenFeature([], tf.int64),
    IMAGE_WIDTH: tf.io.FixedLenFeature([], tf.int64),
    IMAGE_CHANNELS: tf.io.FixedLenFeature([], tf.int64),
    CAPTION_TEXT: tf.io.VarLenFeature(tf.string),
    CAPTION_LANGUAGE: tf.io.VarLenFeature(tf.string),
    ATTRIBUTE_NAME: tf.io.VarLenFeature(tf.string),
    SPLIT: tf.io.FixedLenFeature([], tf.string),
}


@dataclass(frozen=True)
class CaptionedImage:
    """One picture with its captions and attributes.

    Attributes:
      image_id: stable name of the picture, unique within its data set.
      encoded: the PNG or JPEG file's bytes. `data.images` rotates it by its Exif orientation.
      height, width: of the upright picture, in pixels. channels: as decoded.
      captions: one or more UTF-8 sentences.
      languages: a BCP-47 tag for each caption.
      attributes: zero or more `group:value` names, such as `colour:red`.
      split: one of `SPLITS`.
    """

    image_id: str
    encoded: bytes
    height: int
    width: int
    channels: int
    captions: tuple[str, ...]
    languages: tuple[str, ...]
    attributes: tuple[str, ...]
    split: str


def _bytes(values: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _strings(*values: str) -> tf.train.Feature:
    return _bytes([value.encode("utf-8") for value in values])


def _int(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def to_example(image: CaptionedImage) -> tf.train.Example:
    """Returns the tf.train.Example of `image` under the keys of this module."""
    feature = {
        IMAGE_ENCODED: _bytes([image.encoded]),
        IMAGE_ID: _strings(image.image_id),
        IMAGE_HEIGHT: _int(image.height),
        IMAGE_WIDTH: _int(image.width),
        IMAGE_CHANNELS: _int(image.channels),
        CAPTION_TEXT: _strings(*image.captions),
        CAPTION_LANGUAGE: _strings(*image.languages),
        ATTRIBUTE_NAME: _strings(*image.attributes),
        SPLIT: _strings(image.split),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature))


def with_split(serialized: bytes, split: str) -> bytes:
    """Replaces the split of a serialised example of `to_example`."""
    example = tf.train.Example.FromString(serialized)
    example.features.feature[SPLIT].CopyFrom(_strings(split))
    return example.SerializeToString(deterministic=True)


def from_example(serialized: bytes) -> CaptionedImage:
    """The inverse of `to_example`; raises DecodeError for bytes that are not a tf.train.Example."""
    feature = tf.train.Example.FromString(serialized).features.feature

    def strings(key: str) -> tuple[str, ...]:
        return tuple(value.decode("utf-8") for value in feature[key].bytes_list.value)

    return CaptionedImage(
        image_id=strings(IMAGE_ID)[0],
        encoded=feature[IMAGE_ENCODED].bytes_list.value[0],
        height=feature[IMAGE_HEIGHT].int64_list.value[0],
        width=feature[IMAGE_WIDTH].int64_list.value[0],
        channels=feature[IMAGE_CHANNELS].int64_list.value[0],
        captions=strings(CAPTION_TEXT),
        languages=strings(CAPTION_LANGUAGE),
        attributes=strings(ATTRIBUTE_NAME),
        split=strings(SPLIT)[0],
    )
