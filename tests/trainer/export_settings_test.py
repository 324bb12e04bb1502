"""Settings of the export: their ranges, and that no training depends on them."""

from dataclasses import replace

import pytest

from trainer.config import Experiment, ExportSettings, deciding
from trainer.settings_loader import SettingsError


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("caption_bytes", 0, "caption_bytes"),
        ("picture_pixels", 2**31, "2147483647"),
        ("chunk", 0, "chunk"),
        ("warm_up", (), "one batch size or more"),
        ("warm_up", (1, 5000), "1 to 1024"),
        ("compressed", ("int4",), "choose one of float32, float16, int8"),
    ],
)
def test_what_makes_no_sense_is_refused(key, value, words):
    with pytest.raises(SettingsError, match=words):
        ExportSettings(**{key: value})


def test_a_training_goes_on_when_only_the_export_has_changed():
    plain = Experiment()
    assert deciding(replace(plain, export=ExportSettings(chunk=2))) == deciding(plain)
    assert deciding(replace(plain, name="another")) != deciding(plain)
    assert "generator" in deciding(plain)
