"""Which held-out figure decides about a stage."""

import pytest

from trainer.engine.selection_metric import figure_of, selection_metric_of


@pytest.mark.parametrize(
    ("stage", "attributes", "wanted"),
    [
        ("encoder", True, ("f1_micro", True)),
        ("encoder", False, ("text_to_image", True)),
        ("captioner", True, ("cider_d", True)),
        ("generator", True, ("kid_encoder", False)),
    ],
)
def test_what_decides(stage, attributes, wanted):
    assert selection_metric_of(stage, attributes) == wanted


def test_the_figure_is_found_whatever_its_pool():
    found = {"image_to_text_1of37": 0.2, "text_to_image_1of37": 0.4, "f1_micro": 0.6}
    assert figure_of(found, "text_to_image") == 0.4
    assert figure_of(found, "f1_micro") == 0.6
    with pytest.raises(KeyError, match="no held-out figure f1; there are image_to_text_1of37"):
        figure_of(found, "f1")
