"""Trains the encoder: the shared text-image space and the attribute recogniser."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from data.images import to_float
from data.prepared import PreparedData
from trainer.augment import view
from trainer.config import Experiment
from trainer.engine import distribution, optimizers
from trainer.engine.batches import record_of, sampler_of, spans_of
from trainer.engine.control import Control
from trainer.engine.randomness import fold
from trainer.engine.selection_metric import SelectionMetric, selection_metric_of
from trainer.export.encoder import export_encoder
from trainer.losses.contrastive import binary_cross_entropy, info_nce
from trainer.metrics.recognition import multilabel
from trainer.metrics.retrieval import candidate_count, recall_at_1
from trainer.models.build import build_encoder
from trainer.models.frozen import FrozenEncoder
from trainer.tasks.base import Task, trimmed
from trainer.transfer.start import WHOLE, Start
from trainer.transfer.weight_transfer import WeightTransfer, world_of

VALIDATION = 1000


class EncoderTask(Task):
    """Contrastive learning of pictures and captions, and attribute recognition from both."""

    stage = "encoder"

    def __init__(
        self,
        experiment: Experiment,
        prepared: PreparedData,
        policy: str,
        start: Start | None = None,
    ):
        self.settings = settings = experiment.encoder
        self.experiment, self.prepared = experiment, prepared
        self.batch_size, seed = settings.batch_size, experiment.training.seed
        self.control = Control(experiment.training)
        self.train, self.held_out = prepared.arrays("train"), prepared.arrays("val")
        self.ids = trimmed(self.train.ids)
        spans, share = spans_of(self.train.image_ids), experiment.training.replay
        self.sampler = sampler_of(spans, self.batch_size, seed, share)
        self.replay = record_of(spans, share)
        self.model = build_encoder(
            experiment, prepared.tokens.size, len(prepared.attributes), policy
        )
        self.world = world_of(experiment, prepared)
        self.transfer = WeightTransfer(self.stage, self.world, start)
        self.transfer.load(WHOLE, self.model)
        self.start = self.transfer.summary()
        self.frozen = FrozenEncoder(self.model)
        self.optimizer = optimizers.build(
            self.model.trainable_variables,
            settings.learning_rate,
            settings.clip_norm,
            policy,
            weight_decay=settings.weight_decay,
            kind=settings.optimizer,
        )
        self._step = distribution.function(self.contrastive_step)

    @property
    def selection_metric(self) -> SelectionMetric:
        return selection_metric_of(self.stage, bool(self.prepared.attributes))

    def batch(self, step: int) -> tuple[np.ndarray, ...]:
        """Returns pictures, one random caption each, and labels.

        Returns:
          uint8 [N, R, R, 3], token ids int32 [N, L], float32 [N, A].
        """
        turn = int(self.control.rollback_count.numpy())
        rows = self.sampler.rows(step, turn)
        caption = self.sampler.captions(step, self.train.caption_count[rows], turn)
        return self.train.images[rows], self.ids[rows, caption], self.train.labels[rows]

    def train_step(self, step: int, progress: float, batch) -> dict[str, tf.Tensor]:
        self.transfer.set_progress(progress)
        return self._step(tf.constant(step), tf.constant(progress, tf.float32), *batch)

    def contrastive_step(self, step, progress, *batch) -> dict[str, tf.Tensor]:
        """Updates both towers once: InfoNCE plus attribute cross-entropy.

        Args:
          step: int [], seeds augmentation and dropout.
          progress: float32 [], drives the learning rate.
          batch: pictures uint8 [N, R, R, 3], token ids int32 [N, L], labels float32 [N, A].

        Returns:
          float32 [] losses by name.
        """
        seed, variables = self.control.seed(step), self.model.trainable_variables

        def gradients_of(images, ids, labels):
            images = view(to_float(images), self.settings, seed)
            with tf.GradientTape() as tape:
                code, text = self.model((images, ids), training=True, seed=fold(seed, 1))
                # Gather embeddings of all replicas: the negatives are the whole batch.
                all_images, all_texts, all_ids = map(
                    distribution.gather, (code.embedding, text.embedding, ids)
                )
                same = _equal_rows(all_ids)
                losses = {
                    "contrastive": tf.reduce_mean(
                        info_nce(all_images, all_texts, self.model.scale(), same)
                    ),
                    "attributes": _attribute_loss(code.attributes, labels),
                    "attributes_from_text": _attribute_loss(text.attributes, labels),
                }
                attributes = losses["attributes"] + 0.5 * losses["attributes_from_text"]
                loss = losses["contrastive"] + self.settings.attribute_weight * attributes
            (gradients,) = optimizers.gradients(tape, loss, (self.optimizer, variables))
            return gradients, losses

        micro_batches = self.experiment.training.accumulate
        gradients, losses = optimizers.accumulated(micro_batches, gradients_of, batch)
        rate = self.control.rate(self.settings.learning_rate, progress)
        scales = self.transfer.update_scales(variables)
        optimizers.apply(self.optimizer, rate, gradients, variables, scales)
        return losses

    def state(self):
        return {"model": self.model, "optimizer": self.optimizer}

    def validate(self) -> dict[str, float]:
        """Returns F1 and recall at 1 of 100 in both directions, by each picture's first caption."""
        held = self.held_out
        count = min(VALIDATION, len(held))
        code, text = (
            self.frozen.images(held.images[:count]),
            self.frozen.texts(held.ids[:count, 0]).embedding,
        )
        groups, pool = self._groups(), self._pool()
        values = {
            f"image_to_text_1of{pool}": recall_at_1(
                code.embedding, text, pool, groups=groups
            ).value,
            f"text_to_image_1of{pool}": recall_at_1(
                text, code.embedding, pool, groups=groups
            ).value,
        }
        if held.labels.shape[1]:
            recognition = multilabel(code.attributes, held.labels[:count], threshold=0.0)
            values |= {
                "f1_micro": recognition.micro_f1.value,
                "f1_macro": recognition.macro_f1.value,
            }
        return values

    def _groups(self) -> list[str]:
        return [captions[0] for captions in self.held_out.captions[:VALIDATION]]

    def _pool(self) -> int:
        groups = self._groups()
        return candidate_count(len(groups), 100, groups)

    def parameters(self) -> dict[str, int]:
        return {"encoder": self.model.count_params()}

    def export(self, directory: str) -> None:
        export_encoder(self.experiment, self.prepared, self.model, directory)


def _attribute_loss(logits, labels):
    """Returns the summed binary cross-entropy divided by the number of present attributes.

    Args:
      logits: float32 [N, A].
      labels: float32 [N, A], 0 or 1.
    """
    if not labels.shape[1]:
        return tf.constant(0.0)
    wrong = tf.reduce_sum(binary_cross_entropy(logits, labels))
    return distribution.ratio(wrong, tf.reduce_sum(labels))


def _equal_rows(ids):
    """Returns bool [N, N], true where captions i and j have the same tokens.

    Args:
      ids: int32 [N, L].
    """
    return tf.reduce_all(tf.equal(ids[:, None, :], ids[None, :, :]), axis=-1)
