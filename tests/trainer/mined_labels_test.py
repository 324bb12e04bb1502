"""From captions alone to a recogniser with labels, thresholds and figures."""

import json
from dataclasses import replace

import numpy as np

from data.prepared import prepare
from trainer import serving
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.settings import EvaluationSettings
from trainer.train import train


def test_data_without_attributes_gives_a_recogniser_of_words(tmp_path, experiment, scenes):
    bare = {
        split: [replace(scene, attributes=()) for scene in records]
        for split, records in scenes.items()
    }
    data = replace(experiment.data, max_labels=12, min_label_count=3)
    tiny = replace(experiment, data=data, training=replace(experiment.training, steps=2))
    prepared = prepare(bare, str(tmp_path / "data"), **vars(data))
    assert len(prepared.attributes) == 12
    assert all(name.startswith("word:") for name in prepared.attributes)
    model = str(tmp_path / "model")
    summary = train(tiny, "encoder", prepared, str(tmp_path / "work"), model)
    assert 0 <= summary.validation["f1_macro"] <= 1

    pictures = [scene.encoded for scene in bare["val"]]
    answer = serving.load(model).signatures["attributes"](image_bytes=np.array(pictures))
    names = tuple(name.decode("utf-8") for name in answer["name"][0].numpy())
    assert names == prepared.attributes
    side = tmp_path / "model" / "assets.extra" / "tuwen"
    assert tuple(json.loads((side / "thresholds.json").read_text("utf-8"))) == names

    settings = EvaluationSettings(samples=16, batch_size=8)
    found = evaluate({"encoder": model}, bare["val"], bare["train"], settings)
    labels = prepared.arrays("val").labels
    assert [label.support for label in found.labels] == labels.sum(0).tolist()
    assert "recognition" not in found.skipped
