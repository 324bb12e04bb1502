"""Trains the captioner on the frozen encoder's picture codes."""

from __future__ import annotations

import functools

import keras
import numpy as np
import tensorflow as tf

from data.prepared import PreparedData
from data.text import PAD, UNK, decode
from trainer.adapt.schedules import warmup_cosine
from trainer.batches import SimilarLengths
from trainer.config import Experiment
from trainer.export.captioner import export_captioner
from trainer.losses.captions import caption_cross_entropy
from trainer.metrics.caption import score
from trainer.models.build import build_captioner
from trainer.models.captioner import search, token_frequencies
from trainer.models.encoder import Encoder
from trainer.models.frozen import FrozenEncoder
from trainer.models.own_words import with_own_words
from trainer.randomness import fold, step_seed
from trainer.tasks.base import trimmed

VALIDATION = 256
_BATCH = 64


class CaptionerTask:
    """Next-word cross-entropy; judged by free-running captions."""

    stage = "captioner"

    def __init__(
        self, experiment: Experiment, prepared: PreparedData, policy: str, encoder: Encoder
    ):
        self.settings = settings = experiment.captioner
        self.experiment, self.prepared, self.encoder = experiment, prepared, encoder
        self.batch_size, self.seed = settings.batch_size, experiment.training.seed
        self.train, self.held_out = prepared.arrays("train"), prepared.arrays("val")
        frozen = FrozenEncoder(encoder)
        self.codes = frozen.images(self.train.images)
        self.held_codes = frozen.images(self.held_out.images[:VALIDATION])
        captions = np.arange(self.train.ids.shape[1]) < self.train.caption_count[:, None]
        self.picture_of = np.nonzero(captions)[0]
        self.ids = trimmed(self.train.ids)[captions]
        lengths = np.sum(self.ids != PAD, axis=1)
        self.sampler = SimilarLengths(lengths, self.batch_size, self.seed)
        frequencies = token_frequencies(self.train.ids, prepared.tokens.size)
        self.model = build_captioner(
            experiment,
            frequencies,
            self.codes.grid.shape[1:],
            self.codes.condition.shape[1],
            policy,
        )
        self.optimizer = keras.optimizers.AdamW(
            settings.learning_rate,
            weight_decay=settings.weight_decay,
            global_clipnorm=settings.clip_norm,
        )
        self.optimizer.build(self.model.trainable_variables)
        # One for each length of captions.
        self._step_of = functools.cache(lambda length: tf.function(self._train_step))
        self._caption = tf.function(self._search, reduce_retracing=True)

    def batch(self, step: int) -> tuple[np.ndarray, ...]:
        rows = self.sampler.rows(step)
        pictures, ids = self.picture_of[rows], self.ids[rows, : self.sampler.width(rows)]
        return self.codes.grid[pictures], self.codes.condition[pictures], ids

    def train_step(self, step: int, progress: float, batch) -> dict[str, tf.Tensor]:
        train = self._step_of(batch[-1].shape[1])
        return train(tf.constant(step), tf.constant(progress, tf.float32), *batch)

    def _train_step(self, step, progress, grid, picture, ids):
        seed, settings = step_seed(self.seed, step), self.settings
        targets, heard = ids[:, 1:], ids
        if settings.sampled_words:
            share = settings.sampled_words * progress
            heard = with_own_words(self.model, grid, picture, ids, share, fold(seed, 2))
        # An unknown word can be heard but never be said: it is no target.
        mask = tf.cast(tf.logical_and(targets != PAD, targets != UNK), tf.float32)
        with tf.GradientTape() as tape:
            logits = self.model((grid, picture, heard), seed=fold(seed, 1))
            smoothing = settings.label_smoothing
            loss = tf.reduce_mean(caption_cross_entropy(logits, targets, mask, smoothing))
        variables = self.model.trainable_variables
        self.optimizer.learning_rate.assign(settings.learning_rate * warmup_cosine(progress))
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return {"cross_entropy": loss}

    def _search(self, grid, picture):
        found = search(
            self.model, grid, picture, self.settings, self.experiment.data.max_length - 1
        )
        return decode(found.ids, tf.constant(self.prepared.tokens.pieces))

    def state(self):
        return {"model": self.model, "optimizer": self.optimizer}

    def captions(self) -> list[str]:
        """Free-running captions of the first held-out pictures."""
        codes, said = self.held_codes, []
        for i in range(0, len(codes.condition), _BATCH):
            batch = self._caption(codes.grid[i : i + _BATCH], codes.condition[i : i + _BATCH])
            said += [text.decode() for text in batch.numpy()]
        return said

    def validate(self) -> dict[str, float]:
        """BLEU-4 and CIDEr-D of free-running captions, blanks as the only token bounds."""
        said = self.captions()
        references = [list(captions) for captions in self.held_out.captions[: len(said)]]
        scores = score(said, references)
        return {"bleu4": scores["bleu4"], "cider_d": scores["cider_d"]}

    def sample_grid(self) -> None:
        return None

    def parameters(self) -> dict[str, int]:
        return {"captioner": self.model.count_params()}

    def export(self, directory: str) -> None:
        export_captioner(self.experiment, self.prepared, self.encoder, self.model, directory)
