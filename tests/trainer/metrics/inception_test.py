import keras
import numpy as np
import pytest

from trainer.metrics.extractors import Inception
from trainer.settings_loader import SettingsError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Files of random weights: whole, without the top, and of another network."""
    root = tmp_path_factory.mktemp("inception")
    keras.utils.set_random_seed(0)
    whole = keras.applications.InceptionV3(weights=None)
    bare = keras.applications.InceptionV3(weights=None, include_top=False, pooling="avg")
    bare.set_weights(whole.get_weights()[:-2])
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    paths = {}
    for name, model in (("whole", whole), ("bare", bare), ("other", other)):
        paths[name] = str(root / f"{name}.weights.h5")
        model.save_weights(paths[name])
    return paths, whole


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)


def test_features_and_classes_are_those_of_the_network(weights, pictures):
    paths, whole = weights
    extractor = Inception(paths["whole"])
    features, classes = extractor.look(pictures)
    assert features.shape == (3, 2048) and classes.shape == (3, 1000)
    np.testing.assert_allclose(classes.sum(1), 1.0, rtol=1e-4)
    np.testing.assert_array_equal(extractor(pictures), features)
    resized = keras.ops.image.resize(
        pictures.astype(np.float32), (299, 299), "bicubic", antialias=True
    )
    expected = whole(resized / 127.5 - 1.0, training=False)
    np.testing.assert_allclose(classes, expected, rtol=1e-2, atol=1e-6)


def test_a_file_without_the_top_gives_the_same_features_and_no_classes(weights, pictures):
    paths, _ = weights
    bare, whole = Inception(paths["bare"]), Inception(paths["whole"])
    features, classes = bare.look(pictures)
    assert classes is None and not bare.classifies and whole.classifies
    np.testing.assert_allclose(features, whole(pictures), rtol=1e-4, atol=1e-5)
    assert bare.digest != whole.digest


def test_large_pictures_are_shrunk_without_aliasing(weights):
    paths, _ = weights
    stripes = np.zeros((1, 1196, 1196, 3), np.uint8)
    stripes[:, ::4] = 255
    grey = np.full((1, 299, 299, 3), 64, np.uint8)
    extractor = Inception(paths["whole"])
    black = np.linalg.norm(extractor(grey) - extractor(np.zeros_like(grey)))
    assert np.linalg.norm(extractor(stripes) - extractor(grey)) < 0.3 * black


def test_what_is_no_file_of_its_weights_is_refused(weights, tmp_path):
    paths, _ = weights
    with pytest.raises(SettingsError, match="no such file"):
        Inception(str(tmp_path / "none.h5"))
    with pytest.raises(SettingsError, match="not the weights"):
        Inception(paths["other"])
