"""Trains the captioner on the frozen encoder's codes of pictures or of augmented views."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data.base.graphs import graph_of_rows
from data.images import to_float
from data.languages import captions_in, language_numbers, spoken
from data.prepared import PreparedData
from data.text import PAD, UNK, decode
from trainer.augment import view
from trainer.config import Experiment
from trainer.engine import distribution, optimizers
from trainer.engine.batches import SimilarLengths, record_of, sampler_of, spans_of
from trainer.engine.control import Control
from trainer.engine.randomness import fold
from trainer.engine.selection_metric import SelectionMetric, selection_metric_of
from trainer.export.captioner import export_captioner
from trainer.losses.captions import caption_cross_entropy
from trainer.metrics.captions import score
from trainer.metrics.tokens import split_of
from trainer.models.build import build_captioner
from trainer.models.captioner import search, token_frequencies
from trainer.models.encoder import Encoder
from trainer.models.frozen import FrozenEncoder
from trainer.models.scheduled_sampling import with_sampled_words
from trainer.tasks.base import Task, trimmed
from trainer.tasks.self_critical import Rewards, SelfCritical
from trainer.transfer.start import WHOLE, Start
from trainer.transfer.weight_transfer import WeightTransfer, world_of

VALIDATION = 256
FIGURES = ("bleu4", "cider_d")
_BATCH = 64


class CaptionerTask(Task):
    """Next-token cross-entropy, optionally followed by self-critical training.

    Validation scores the captions of beam search.
    """

    stage = "captioner"

    def __init__(
        self,
        experiment: Experiment,
        prepared: PreparedData,
        policy: str,
        encoder: Encoder,
        start: Start | None = None,
    ):
        self.settings = settings = experiment.captioner
        self.experiment, self.prepared, self.encoder = experiment, prepared, encoder
        self.batch_size, self.control = settings.batch_size, Control(experiment.training)
        self.micro_batches = experiment.training.accumulate
        self.train, self.held_out = prepared.arrays("train"), prepared.arrays("val")
        self.frozen = FrozenEncoder(encoder)
        # Views are encoded at each step: only the shapes of the codes are needed here.
        encoded = self.train.images[:1] if settings.views else self.train.images
        self.codes = self.frozen.images(encoded)
        self.held_codes = self.frozen.images(self.held_out.images[:VALIDATION])
        captions = np.arange(self.train.ids.shape[1]) < self.train.caption_count[:, None]
        self.picture_of = np.nonzero(captions)[0]
        self.ids = trimmed(self.train.ids)[captions]
        tags = [some[: captions.shape[1]] for some in self.train.languages]
        self.languages = spoken(tags)
        self.language_of = language_numbers(tags, self.languages, captions.shape[1])[captions]
        lengths = np.sum(self.ids != PAD, axis=1)
        spans, training = spans_of(self.train.image_ids), experiment.training
        self.sampler = SimilarLengths(
            lengths,
            self.batch_size,
            training.seed,
            lambda size: sampler_of(spans[self.picture_of], size, training.seed, training.replay),
        )
        self.replay = record_of(spans, training.replay)
        frequencies = token_frequencies(self.train.ids, prepared.tokens.size)
        self.model = build_captioner(
            experiment,
            frequencies,
            self.codes.grid.shape[1:],
            self.codes.condition.shape[1],
            policy,
            self.languages,
        )
        self.world = world_of(experiment, prepared, self.languages)
        self.transfer = WeightTransfer(self.stage, self.world, start)
        self.transfer.load(WHOLE, self.model)
        self.start = self.transfer.summary()
        self.ids[:, 0] = self.model.first_word(self.language_of)
        self.optimizer = optimizers.build(
            self.model.trainable_variables,
            settings.learning_rate,
            settings.clip_norm,
            policy,
            weight_decay=settings.weight_decay,
            kind=settings.optimizer,
        )
        # A graph has fixed shapes, so each caption length has its own.
        self._teacher_forcing_of = functools.cache(
            lambda length: distribution.function(self.teacher_forcing_step)
        )
        self._self_critical = distribution.function(self.self_critical_step)
        self.references = self._references()
        self._caption = graph_of_rows(self._search)

    @property
    def selection_metric(self) -> SelectionMetric | None:
        return selection_metric_of(self.stage, False) if self.references else None

    def _references(self) -> dict[str, tuple[list[int], list[list[str]]]]:
        """Returns by language the held-out rows that have captions in it, and these captions."""
        held, found = self.held_out, {}
        texts, tags = held.captions[:VALIDATION], held.languages[:VALIDATION]
        for tag in self.languages:
            own = [captions_in(tag, *both) for both in zip(texts, tags, strict=True)]
            rows = [row for row, captions in enumerate(own) if captions]
            if rows:
                found[tag] = rows, [own[row] for row in rows]
        return found

    def batch(self, step: int) -> tuple[np.ndarray, ...]:
        """Returns captions of similar length and their pictures or codes.

        Returns:
          with views, pictures uint8 [N, R, R, 3]; otherwise feature maps float16 [N, P, C] and
          condition vectors float32 [N, c]. Then token ids int32 [N, L].
        """
        rows = self._rows(step)
        pictures, ids = self.picture_of[rows], self.ids[rows, : self.sampler.width(rows)]
        if self.settings.views:
            return self.train.images[pictures], ids
        return self.codes.grid[pictures], self.codes.condition[pictures], ids

    def _rows(self, step: int) -> np.ndarray:
        return self.sampler.rows(step, int(self.control.rollback_count.numpy()))

    def train_step(self, step: int, progress: float, batch) -> dict[str, tf.Tensor]:
        self.transfer.set_progress(progress)
        begins, ids = self.settings.self_critical_from, batch[-1]
        if begins < 1 and progress >= begins:
            update = self._self_critical
            batch = (*batch[:-1], ids[:, 0], self._rows(step))
        else:
            update = self._teacher_forcing_of(ids.shape[1])
        return update(tf.constant(step), tf.constant(progress, tf.float32), *batch)

    def teacher_forcing_step(self, step, progress, *batch) -> dict[str, tf.Tensor]:
        """Updates the captioner once with the cross-entropy of the next tokens.

        Args:
          step: int [], seeds views, dropout and scheduled sampling.
          progress: float32 [], drives the learning rate and the rate of scheduled sampling.
          batch: with views, pictures uint8 [N, R, R, 3]; otherwise feature maps float16 [N, P, C]
            and condition vectors float32 [N, c]. Then token ids int32 [N, L].

        Returns:
          float32 [] by name: `cross_entropy`.
        """
        seed, settings = self.control.seed(step), self.settings

        def gradients_of(*micro_batch):
            *shown, ids = micro_batch
            grid, picture = self._seen(shown, seed)
            targets, heard = ids[:, 1:], ids
            if settings.sampled_words:
                share = settings.sampled_words * progress
                heard = with_sampled_words(self.model, grid, picture, ids, share, fold(seed, 2))
            # UNK may be an input but never an output, so it is no target.
            mask = tf.cast(tf.logical_and(targets != PAD, targets != UNK), tf.float32)
            with tf.GradientTape() as tape:
                logits = self.model((grid, picture, heard), seed=fold(seed, 1))
                smoothing = settings.label_smoothing
                loss = tf.reduce_mean(caption_cross_entropy(logits, targets, mask, smoothing))
            return self._gradients(tape, loss), {"cross_entropy": loss}

        gradients, losses = optimizers.accumulated(self.micro_batches, gradients_of, batch)
        self._apply(gradients, self._rate(progress, rewarded=False))
        return losses

    def self_critical_step(self, step, progress, *batch) -> dict[str, tf.Tensor]:
        """Updates the captioner once with self-critical training (Rennie et al. 2017).

        Args:
          step: int [], seeds views and sampled captions.
          progress: float32 [], drives the learning rate.
          batch: pictures or codes as for `teacher_forcing_step`, then the first tokens int32 [N]
            and the rows int [N] of the training captions.

        Returns:
          float32 [] by name: the loss and the mean rewards.
        """
        seed = self.control.seed(step)

        def gradients_of(*micro_batch):
            *shown, first, rows = micro_batch
            grid, picture = self._seen(shown, seed)
            with tf.GradientTape() as tape:
                loss, rewards = self.self_critical(grid, picture, first, rows, fold(seed, 3))
            return self._gradients(tape, loss), {"self_critical": loss} | rewards

        gradients, losses = optimizers.accumulated(self.micro_batches, gradients_of, batch)
        self._apply(gradients, self._rate(progress, rewarded=True))
        return losses

    def _gradients(self, tape: tf.GradientTape, loss: tf.Tensor) -> list[tf.Tensor]:
        updated = (self.optimizer, self.model.trainable_variables)
        (gradients,) = optimizers.gradients(tape, loss, updated)
        return gradients

    def _apply(self, gradients: list[tf.Tensor], rate) -> None:
        variables = self.model.trainable_variables
        scales = self.transfer.update_scales(variables)
        optimizers.apply(self.optimizer, rate, gradients, variables, scales)

    def _rate(self, progress, rewarded: bool):
        """Returns the learning rate of a step.

        If self-critical training has its own rate, each phase has its own schedule, driven by the
        progress of the phase; otherwise one schedule covers the whole training.
        """
        settings = self.settings
        own, begins = settings.self_critical_learning_rate, settings.self_critical_from
        if own is None:
            return self.control.rate(settings.learning_rate, progress)
        if rewarded:
            return self.control.rate(own, (progress - begins) / (1.0 - begins))
        return self.control.rate(settings.learning_rate, progress / begins)

    def _seen(self, shown, seed):
        """Returns (feature map, condition vector): those of the batch, or of new views of it."""
        if not self.settings.views:
            return shown
        (images,) = shown
        code = self.frozen.see(view(to_float(images), self.experiment.encoder, fold(seed, 4)))
        return code.grid, code.condition

    @functools.cached_property
    def self_critical(self) -> SelfCritical:
        """The self-critical loss; made on first use, because counting all n-grams takes seconds."""
        groups = list(zip(self.picture_of.tolist(), self.language_of.tolist(), strict=True))
        return SelfCritical(self.model, Rewards(self.ids, groups), self.ids.shape[1] - 1)

    def _search(self, grid, picture, language):
        steps = self.experiment.data.max_length - 1
        asked = tf.fill([tf.shape(picture)[0]], language)
        found = search(self.model, grid, picture, self.settings, steps, asked)
        return decode(found.ids, tf.constant(self.prepared.tokens.pieces))

    def state(self):
        return {"model": self.model, "optimizer": self.optimizer}

    def captions(self, rows: Sequence[int], language: int) -> list[str]:
        """Captions held-out pictures by beam search.

        Args:
          rows: which of the first `VALIDATION` held-out pictures.
          language: index in `languages`.
        """
        codes, said, asked = self.held_codes, [], tf.constant(language)
        for i in range(0, len(rows), _BATCH):
            some = rows[i : i + _BATCH]
            batch = self._caption(codes.grid[some], codes.condition[some], asked)
            said += [text.decode() for text in batch.numpy()]
        return said

    def validate(self) -> dict[str, float]:
        """Returns BLEU-4 and CIDEr-D of beam search in each language against its references.

        With several languages, the unsuffixed metrics are means over languages.
        """
        judged = {}
        for tag, (rows, references) in self.references.items():
            said = self.captions(rows, self.languages.index(tag))
            judged[tag] = score(said, references, split_of(tag).tokenise)
        if not judged:
            return {}
        figures = {
            key: float(np.mean([scores[key] for scores in judged.values()])) for key in FIGURES
        }
        if len(self.languages) > 1:
            for tag, scores in judged.items():
                figures |= {f"{key}_{tag}": scores[key] for key in FIGURES}
        return figures

    def sample_grid(self) -> None:
        return None

    def parameters(self) -> dict[str, int]:
        return {"captioner": self.model.count_params()}

    def export(self, directory: str) -> None:
        export_captioner(self.experiment, self.prepared, self.encoder, self.model, directory)
