"""Base of all text-to-image tasks: encoded captions, averaged weights, validation, export."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from data.base.graphs import graph_of_rows
from data.images import to_uint8
from data.prepared import PreparedData
from trainer.config import Experiment
from trainer.engine import schedules
from trainer.engine.batches import record_of, sampler_of, spans_of
from trainer.engine.control import Control
from trainer.engine.selection_metric import SelectionMetric, selection_metric_of
from trainer.export.generator import export_generator
from trainer.metrics.distribution import kid
from trainer.metrics.diversity import mean_distance
from trainer.metrics.retrieval import candidate_count, r_precision
from trainer.models.build import build_generator
from trainer.models.encoder import Encoder
from trainer.models.frozen import FrozenEncoder, SentenceCodes
from trainer.tasks.base import Task, grid_of
from trainer.transfer.start import GENERATOR, Start
from trainer.transfer.weight_transfer import WeightTransfer, world_of

VALIDATION = 500
GRID = (6, 8)
# Low beta_1, because the adversarial target is not stationary.
ADAM_BETAS = (0.5, 0.99)
_BATCH = 64
# Mean pairwise distance of generated pictures in the shared space, relative to real pictures.
COLLAPSED, HEALTHY = 0.1, 0.2
# An untrained generator reaches about 0.1. Below this value its last activation is saturated and
# passes no gradient.
DEAD = 0.001


class TextToImageTask(Task):
    """Encodes the training data and keeps the averaged generator.

    Attributes:
      generator: the model in training.
      average: its float32 moving average, which is validated, sampled and exported.
      text: codes of all training captions, fields [N, C, ...].
      grid: float16 [N, P, C], the frozen encoder's feature maps of the training pictures.
      transfer: loads weights of an earlier model. A subclass that has other networks loads them
        too and then calls `transfer.summary`.
      further: networks that are exported with the generator for later trainings, by name.
      noise_width: length z of the noise vector.
      condition_dim: length c of the condition vector; 0 for an unconditional generator.
    """

    stage = "generator"

    def __init__(
        self,
        experiment: Experiment,
        prepared: PreparedData,
        policy: str,
        encoder: Encoder,
        start: Start | None = None,
    ):
        self.settings = settings = experiment.generator
        self.experiment, self.prepared, self.encoder = experiment, prepared, encoder
        self.further: dict[str, keras.Model] = {}
        self.batch_size, self.seed = settings.batch_size, experiment.training.seed
        self.control, self.collapse = Control(experiment.training), CollapseWatch()
        self.train, self.held_out = prepared.arrays("train"), prepared.arrays("val")
        self.frozen = FrozenEncoder(encoder)
        self.text = self._told(self.frozen.all_captions(self.train.ids))
        self.grid = self.frozen.images(self.train.images).grid
        self.condition_dim = self.text.condition.shape[-1]
        spans, share = spans_of(self.train.image_ids), experiment.training.replay
        self.sampler = sampler_of(spans, self.batch_size, self.seed, share)
        self.replay = record_of(spans, share)
        self.generator = build_generator(experiment, self.condition_dim, policy)
        self.world = world_of(experiment, prepared)
        self.transfer = WeightTransfer(self.stage, self.world, start)
        self.transfer.load(GENERATOR, self.generator)
        self.average = build_generator(experiment, self.condition_dim, "float32")
        self.average.set_weights(self.generator.get_weights())
        self.noise_width = self.generator.noise_width
        self._prepare_validation()
        self._generate = graph_of_rows(lambda noise, text: to_uint8(self.average((noise, text))))

    @property
    def selection_metric(self) -> SelectionMetric:
        return selection_metric_of(self.stage, False)

    def _prepare_validation(self) -> None:
        count = min(VALIDATION, len(self.held_out))
        self.held_text = self._told(self.frozen.texts(self.held_out.ids[:count, 0]))
        self.held_codes = self.frozen.images(self.held_out.images[:count])
        noise = np.random.default_rng(self.seed).standard_normal((count, self.noise_width))
        self.held_noise = noise.astype(np.float32)

    def _told(self, codes: SentenceCodes) -> SentenceCodes:
        """Drops the condition vector if the generator is unconditional."""
        if self.settings.conditional:
            return codes
        return codes._replace(condition=codes.condition[..., :0])

    def batch(self, step: int) -> tuple[np.ndarray, SentenceCodes, np.ndarray]:
        """Returns pictures, the codes of one random caption each, and feature maps.

        Returns:
          uint8 [N, R, R, 3], `SentenceCodes`, float16 [N, P, C].
        """
        turn = int(self.control.rollback_count.numpy())
        rows = self.sampler.rows(step, turn)
        caption = self.sampler.captions(step, self.train.caption_count[rows], turn)
        text = SentenceCodes(*(field[rows, caption] for field in self.text))
        return self.train.images[rows], text, self.grid[rows]

    def update_average(self, step: tf.Tensor, batches: int = 1) -> None:
        """Moves the average towards the generator's weights; call it after the update of `step`.

        Args:
          step: int [], the number of the step, from 0.
          batches: batches since the generator's last update. The half-life counts images, and
            batches that only the discriminator saw count as well.
        """
        seen = tf.cast(step + 1, tf.float32) * self.batch_size
        keep = schedules.decay(seen, batches * self.batch_size, self.settings.ema_images)
        schedules.update(self.average.variables, self.generator.variables, keep)

    def generate(self, noise: np.ndarray, text: np.ndarray) -> np.ndarray:
        """Generates pictures with the averaged generator.

        Args:
          noise: float32 [N, z].
          text: float32 [N, c] condition vectors.

        Returns:
          uint8 [N, R, R, 3].
        """
        parts = [
            self._generate(noise[i : i + _BATCH], text[i : i + _BATCH]).numpy()
            for i in range(0, len(noise), _BATCH)
        ]
        return np.concatenate(parts)

    def validate(self) -> dict[str, float]:
        """Returns KID in encoder space, R-precision among 100 and spread of generated pictures.

        All three use the encoder that the generator is trained against, so they are optimistic:
        use them to monitor a training, not to report results.
        """
        count = len(self.held_noise)
        codes = self.frozen.images(self.generate(self.held_noise, self.held_text.condition))
        groups = [captions[0] for captions in self.held_out.captions[:count]]
        pool = candidate_count(count, 100, groups)
        found = r_precision(codes.embedding, self.held_text.embedding, pool, groups=groups)
        distance = kid(self.held_codes.embedding, codes.embedding, rounds=0)
        spread = mean_distance(codes.embedding) / mean_distance(self.held_codes.embedding)
        return {
            "kid_encoder": distance.value,
            f"r_precision_1of{pool}": found.value,
            "spread": spread,
        }

    def alarms(self, figures: dict[str, float]) -> list[str]:
        """Returns a message if the generator has collapsed or is dead."""
        return self.collapse.check(figures["spread"])

    def sample_grid(self) -> np.ndarray:
        rows, columns = GRID
        count = min(rows * columns, len(self.held_noise))
        images = self.generate(self.held_noise[:count], self.held_text.condition[:count])
        return grid_of(images, min(columns, count))

    def export(self, directory: str) -> None:
        export_generator(
            self.experiment,
            self.prepared,
            self.encoder,
            self.average,
            directory,
            further=self.further,
        )


class CollapseWatch:
    """Detects mode collapse from the spread of generated pictures relative to real ones.

    Attributes:
      variables: one bool [], whether the spread has ever exceeded `HEALTHY`. Before that there is
        no collapse alarm, but a dead generator is still reported.
    """

    def __init__(self) -> None:
        self._begun = tf.Variable(False, dtype=tf.bool, name="begun")
        self.variables = [self._begun]

    def check(self, spread: float) -> list[str]:
        """Returns a message if `spread` is too low.

        Args:
          spread: mean distance between generated pictures, divided by that between real ones.
        """
        if bool(self._begun.numpy()) and spread < COLLAPSED:
            return [
                f"the generator collapsed: its pictures differ {spread:.0%} as much as real ones"
            ]
        if spread < DEAD:
            return ["the generator paints the same picture whatever it is asked for"]
        if spread > HEALTHY:
            self._begun.assign(True)
        return []
