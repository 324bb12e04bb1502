"""Runs an evaluation from end to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from data.languages import primary
from data.schema import CaptionedImage
from trainer.evaluation import agreement_metrics, caption_metrics, encoder_figures, image_metrics
from trainer.evaluation.audit import copy_audit
from trainer.evaluation.inputs import Evidence, NotMeasured, Timings, gather, one_each, small_png
from trainer.evaluation.record import Captioned, Evaluation, Generated
from trainer.evaluation.settings import EvaluationSettings
from trainer.metrics.result import Metric

GENERATED_SHOWN = 48
CAPTIONED_SHOWN = 24

MEASURES: dict[str, Callable[[Evidence], list[Metric]]] = {
    "kid and fid": image_metrics.distances,
    "precision and recall": image_metrics.coverage,
    "r_precision": agreement_metrics.precision_of_retrieval,
    "attribute_agreement": agreement_metrics.attributes,
    "pixel_agreement": agreement_metrics.pixels,
    "cycle_agreement": agreement_metrics.cycle,
    "text_sensitivity": agreement_metrics.sensitivity,
    "clip_score": agreement_metrics.clip,
    "prompt_diversity": image_metrics.diversity,
    "duplicate_rate": image_metrics.alike,
    "memorisation": image_metrics.copies,
    "discriminator_gap": image_metrics.overfitting,
    "caption scores": caption_metrics.scores,
    "caption scores by word": caption_metrics.by_word,
    "meteor": caption_metrics.meteor,
    "spice": caption_metrics.spice,
    "caption variety": caption_metrics.figures,
    "caption_truth": caption_metrics.truth,
    "retrieval": encoder_figures.retrieval,
    "recognition": encoder_figures.recognition,
    "calibration": encoder_figures.calibration,
}


def evaluate(
    models: Mapping[str, str],
    test: Sequence[CaptionedImage],
    train: Sequence[CaptionedImage],
    settings: EvaluationSettings,
) -> Evaluation:
    """Evaluates exported models on the test split, through their signatures only.

    Args:
      models: SavedModel directories under `encoder`, `captioner`, `generator` and `judge`; all but
        the first may be missing. Metrics of a missing model are skipped with a reason. The judge is
        an encoder that the generator was not trained against; without one, the run's encoder is
        used.
      test: captioned pictures that no model was trained on, at least 2.
      train: the training pictures, for baselines, ceilings and the search for copies; at least 2.
      settings: of the protocol. Equal settings, models and data give equal metrics.

    Raises:
      ValueError: too few pictures, or unknown models.
      SettingsError: a directory lacks the SavedModel, or the exact check is unknown.
    """
    for name, split in (("test", test), ("train", train)):
        if len(split) < 2:
            raise ValueError(f"the {name} split holds {len(split)} pictures; it takes 2 or more")
    timings = Timings()
    evidence = gather(models, test, train, settings, timings)
    metrics: list[Metric] = []
    skipped: dict[str, str] = {}
    for name, measure in MEASURES.items():
        with timings.stage(name):
            try:
                metrics += measure(evidence)
            except NotMeasured as reason:
                skipped[name] = str(reason)
    recognised = "recognition" not in skipped
    return Evaluation(
        settings=settings,
        metrics=metrics,
        labels=tuple(encoder_figures.label_by_label(evidence)) if recognised else (),
        reliability=encoder_figures.diagram(evidence).bins if recognised else (),
        skipped=skipped,
        generated=_generated(evidence),
        captioned=_captioned(evidence),
        timings=timings.seconds,
        audit=copy_audit(evidence),
    )


def _generated(evidence: Evidence) -> tuple[Generated, ...]:
    prompts, pictures = evidence.prompts, evidence.generated or []
    said = [one.text for one in evidence.fake_captions or ()] or [""] * len(pictures)
    return tuple(
        Generated(prompts.texts[i], prompts.languages[i], prompts.seeds[i], pictures[i], said[i])
        for i in range(min(GENERATED_SHOWN, len(pictures)))
    )


def _captioned(evidence: Evidence) -> tuple[Captioned, ...]:
    if evidence.captions is None:
        return ()
    asked = [primary(tag) for tag in evidence.prompts.languages]
    return tuple(
        Captioned(record.image_id, small_png(record.encoded), said.text, record.captions)
        for record, said in zip(
            evidence.records[:CAPTIONED_SHOWN], one_each(evidence.captions, asked), strict=False
        )
    )
