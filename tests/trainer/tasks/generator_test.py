from dataclasses import replace

import pytest

from trainer.config import GeneratorSettings
from trainer.tasks.generator import penalty_weight


def test_the_penalty_weight_is_the_rule_or_the_setting():
    settings = GeneratorSettings(batch_size=32)
    assert penalty_weight(settings, 64) == pytest.approx(0.0002 * 64 * 64 / 32)
    assert penalty_weight(settings, 32) == pytest.approx(penalty_weight(settings, 64) / 4)
    assert penalty_weight(replace(settings, penalty_weight=0.0), 64) == 0.0
