import tensorflow_datasets as tfds

from data.scenes.captioned_scenes import captioned_scenes_dataset_builder as builder


def _tiny(resolution: int) -> builder.SceneConfig:
    sizes = {"train": 8, "val": 3, "test": 4}
    return builder.SceneConfig(name=f"tiny{resolution}", resolution=resolution, sizes=sizes)


class CaptionedScenesTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = (_tiny(32), _tiny(64))
    SPLITS = {"train": 8, "val": 3, "test": 4}  # noqa: RUF012
    # Nothing is downloaded; the base class only wants a folder that is there.
    EXAMPLE_DIR = str(builder.Builder.code_path.parent)


def test_the_data_set_is_found_by_name(tmp_path):
    loaded = tfds.builder("captioned_scenes/32px", data_dir=tmp_path)
    assert loaded.builder_config.sizes == {"train": 6000, "val": 1000, "test": 1000}
    assert loaded.info.features["image"].shape == (32, 32, 3)


def test_examples_are_what_the_generator_draws(tmp_path):
    made = tfds.builder("captioned_scenes", config=_tiny(32), data_dir=tmp_path)
    made.download_and_prepare()
    rows = {row["id"].decode(): row for row in tfds.as_numpy(made.as_dataset(split="test"))}
    for one in builder.split_samples(0, "test", 4):
        row = rows[one.image_id]
        assert (row["image"] == one.image(32)).all()
        assert tuple(text.decode() for text in row["captions"]) == one.captions
        assert tuple(text.decode() for text in row["languages"]) == one.languages
        assert tuple(text.decode() for text in row["attributes"]) == one.scene.attributes()
