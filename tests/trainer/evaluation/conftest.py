"""Evidence of captioners that say what they are told."""

from dataclasses import replace

import pytest

from trainer.evaluation.inputs import Described, Timings, gather
from trainer.evaluation.settings import EvaluationSettings


@pytest.fixture(scope="session")
def right():
    """A captioner that knows what the picture's own captions say."""
    return lambda record, language: record.captions[2 if language == "zh" else 0]


@pytest.fixture(scope="session")
def by_name():
    """From figures to figures by name, which must differ."""

    def named(metrics):
        found = {metric.name: metric for metric in metrics}
        assert len(found) == len(metrics)
        return found

    return named


@pytest.fixture(scope="session")
def said(toy, tmp_path_factory):
    """From a function (record, language) -> caption to the evidence of a captioner that says it."""
    encoder = toy.save(toy.Encoder(), tmp_path_factory.mktemp("models") / "encoder")
    test, train = toy.records(96, "test", 1), toy.records(160, "train", 2)
    settings = EvaluationSettings(samples=80, batch_size=32)
    gathered = gather({"encoder": encoder}, test, train, settings, Timings())

    def evidence(say, languages=("en",), **changes):
        changed = replace(gathered, **changes)
        captions = [
            Described(row, language, say(record, language))
            for row, record in enumerate(changed.records)
            for language in languages
        ]
        return replace(changed, captions=captions)

    return evidence
