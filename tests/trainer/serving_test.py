"""The plain Python client of exported models."""

import io

import numpy as np
import pytest
from PIL import Image

from trainer import serving


def test_it_paints_one_picture_for_each_caption_and_seed(trained):
    model = serving.load(str(trained("generator").model_dir))
    captions = ["a red circle", "zyx", "一个红色的圆形"]
    pictures = serving.generate(model, captions, [1, 2, 3])
    assert [Image.open(io.BytesIO(picture.png)).size for picture in pictures] == [(16, 16)] * 3
    assert pictures[1].oov == 1.0 and pictures[0].oov < 1.0
    assert serving.generate(model, captions[:1], [1])[0].png == pictures[0].png
    still = serving.generate(model, captions[:1] * 2, [1, 2], truncation=0.0)
    assert still[0].png == still[1].png


def test_it_captions_and_explains_pictures(trained, scenes):
    model = serving.load(str(trained("captioner").model_dir))
    images = [scene.encoded for scene in scenes["val"][:3]]
    captions = serving.caption(model, images)
    assert all(isinstance(one.text, str) and one.log_prob < 0 for one in captions)
    assert serving.languages(model) == ("en", "zh")
    assert serving.caption(model, images, "en") == captions
    assert serving.caption(model, images, "zh") != captions
    told = serving.explain(model, images)
    assert [text.decode() for text in told["caption"]] == [one.text for one in captions]
    np.testing.assert_allclose(told["log_prob"], [one.log_prob for one in captions], rtol=1e-5)
    assert told["attention"].shape[:2] == told["tokens"].shape == (3, 7)


def test_a_refused_row_is_an_error_with_its_number_and_reason(trained, scenes):
    captioner = serving.load(str(trained("captioner").model_dir))
    images = [scenes["val"][0].encoded, b"junk"]
    with pytest.raises(
        serving.ServingError, match="row 1 of serving_default: the picture is neith"
    ):
        serving.caption(captioner, images)
    with pytest.raises(serving.ServingError, match="row 0 of caption_in: unknown language 'fr'"):
        serving.caption(captioner, images, "fr")
    with pytest.raises(serving.ServingError, match="row 1 of explain"):
        serving.explain(captioner, images)
    generator = serving.load(str(trained("generator").model_dir))
    with pytest.raises(serving.ServingError, match="row 0 of generate: truncation must be"):
        serving.generate(generator, ["a"], [1], truncation=3.0)


def test_a_directory_without_a_model_is_an_error(tmp_path):
    with pytest.raises(OSError, match=str(tmp_path)):
        serving.load(str(tmp_path))
