"""TFDS builder of generated scenes with captions in English and Chinese."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data.scenes import png
from data.scenes.dataset import split_samples
from data.schema import SPLITS

SIZES = {"train": 6000, "val": 1000, "test": 1000}


@dataclasses.dataclass
class SceneConfig(tfds.core.BuilderConfig):
    """A configuration of the data set.

    Attributes:
      resolution: side of the pictures in pixels.
      seed: of the scenes, which are the same at every resolution.
      sizes: number of pictures by split.
    """

    resolution: int = 32
    seed: int = 0
    sizes: Mapping[str, int] = dataclasses.field(default_factory=lambda: dict(SIZES))


class Builder(tfds.core.GeneratorBasedBuilder):
    """Generates `captioned_scenes`; nothing is downloaded."""

    # TFDS would look this up with importlib_resources, which is not one of its dependencies.
    code_path = epath.Path(__file__)

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS: ClassVar = [
        SceneConfig(name="32px", description="Pictures of 32 x 32 pixels.", resolution=32),
        SceneConfig(name="64px", description="The same scenes at 64 x 64 pixels.", resolution=64),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        side = self.builder_config.resolution
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "image": tfds.features.Image(shape=(side, side, 3), encoding_format="png"),
                    "captions": tfds.features.Sequence(tfds.features.Text()),
                    "languages": tfds.features.Sequence(tfds.features.Text()),
                    "attributes": tfds.features.Sequence(tfds.features.Text()),
                }
            ),
            supervised_keys=None,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Nothing is downloaded.
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        config = self.builder_config
        for one in split_samples(config.seed, split, config.sizes[split]):
            yield (
                one.image_id,
                {
                    "id": one.image_id,
                    "image": io.BytesIO(png(one.image(config.resolution))),
                    "captions": one.captions,
                    "languages": one.languages,
                    "attributes": one.scene.attributes(),
                },
            )
