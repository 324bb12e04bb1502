"""Judges an encoder, a captioner and a generator together, through their SavedModels alone."""

from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.record import Captioned, Evaluation, Generated
from trainer.evaluation.settings import EvaluationSettings

__all__ = ["Captioned", "Evaluation", "EvaluationSettings", "Generated", "evaluate"]
