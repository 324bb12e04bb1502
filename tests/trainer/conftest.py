"""A tiny data set, each stage trained on it once for a session, and the harness of model tests."""

import importlib.util
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import tensorflow as tf

from data.prepared import prepare
from data.scenes import as_captioned_images
from trainer.config import (
    CaptionerSettings,
    DataSettings,
    EncoderSettings,
    Experiment,
    GeneratorSettings,
    TrainingSettings,
)
from trainer.engine import loop
from trainer.train import train

STEPS, KILLED_AT = 10, 5


class Trained(NamedTuple):
    """One stage after its training.

    Attributes:
      task: its models and optimisers, as the last step left them.
      summary: what `train` returned.
      work_dir, model_dir: checkpoints and logs; the SavedModel.
      killed_dir: the work directory as it was before step `KILLED_AT`.
    """

    task: object
    summary: loop.TrainingSummary
    work_dir: Path
    model_dir: Path
    killed_dir: Path


@pytest.fixture(scope="session")
def experiment():
    """Everything as small as it goes, float32, a checkpoint after every step."""
    return Experiment(
        name="tiny",
        data=DataSettings(
            resolution=16, max_captions=2, max_length=8, vocabulary_size=24, min_count=1
        ),
        encoder=EncoderSettings(width=4, embedding=8, text_width=8, batch_size=8),
        captioner=CaptionerSettings(units=8, embedding=6, beam=3, batch_size=8),
        generator=GeneratorSettings(
            noise=4,
            width=4,
            discriminator_width=4,
            batch_size=8,
            penalty_every=4,
            adversarial_from=0.3,
        ),
        training=TrainingSettings(steps=STEPS, precision="float32", checkpoint_seconds=0.0),
    )


@pytest.fixture(scope="session")
def scenes():
    """48 generated scenes by split, captioned in two languages."""
    records = list(as_captioned_images(48, 16, seed=0, languages=("en", "zh", "en")))
    return {"train": records[:32], "val": records[32:]}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, experiment, scenes):
    data = experiment.data
    return prepare(
        scenes,
        str(tmp_path_factory.mktemp("prepared") / "data"),
        resolution=data.resolution,
        max_captions=data.max_captions,
        max_length=data.max_length,
        vocabulary_size=data.vocabulary_size,
        min_count=data.min_count,
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory, experiment, prepared):
    """Returns a function: stage -> `Trained`, each made once."""
    made = {}

    def make(stage):
        if stage not in made:
            encoder = None if stage == "encoder" else str(make("encoder").model_dir)
            root = tmp_path_factory.mktemp(stage)
            made[stage] = _train(experiment, stage, prepared, root, encoder)
        return made[stage]

    return make


def _train(experiment, stage, prepared, root, encoder):
    tasks, run = [], loop.run

    def watched(task, settings, work_dir, precision):
        tasks.append(task)
        train_step = task.train_step

        def step(number, *rest):
            if number == KILLED_AT:
                shutil.copytree(work_dir, root / "killed")
            return train_step(number, *rest)

        task.train_step = step
        return run(task, settings, work_dir, precision)

    # In graphs always, whatever the test that asks first: eager steps have other last bits.
    eager = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(False)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "run", watched)
            summary = train(
                experiment, stage, prepared, str(root / "work"), str(root / "model"), encoder
            )
    finally:
        tf.config.run_functions_eagerly(eager)
    return Trained(tasks[0], summary, root / "work", root / "model", root / "killed")


@pytest.fixture(scope="session")
def eagerly():
    """Context in which steps are not traced: a few of them are faster so."""

    @contextmanager
    def context():
        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(False)

    return context


@pytest.fixture(scope="session")
def harness():
    """The module beside this one, loaded by path: `tests` is no package."""
    path = Path(__file__).with_name("model_harness.py")
    spec = importlib.util.spec_from_file_location("model_harness", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
