"""Executor of CrossModalEvaluator: writes the evaluation and three blessings."""

from __future__ import annotations

import json
from typing import Any

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifact_files import read_examples
from components.artifacts import write_blessing
from components.cross_modal_evaluator.assessment import JUDGE, Earlier, assess
from components.cross_modal_evaluator.thresholds import MODELS, read_thresholds
from components.cross_modal_evaluator.verdicts import Verdict
from data.base import files
from trainer.evaluation.settings import EvaluationSettings
from trainer.settings_loader import from_mapping

EXAMPLES = "examples"
EVALUATION = "evaluation"
EARLIER_JUDGE = "earlier_judge"
SETTINGS = "settings"
THRESHOLDS = "thresholds"
FORCE_BLESS = "force_bless"
FORCED = "forced"
REFUSAL = "refusal"


def baseline_key(model: str) -> str:
    """The input with the last blessed `model`."""
    return f"baseline_{model}"


def earlier_key(model: str) -> str:
    """The input with other data on which the `model` was blessed."""
    return f"earlier_{model}"


def blessing_key(model: str) -> str:
    """The output with the blessing of `model`."""
    return f"{model}_blessing"


class Executor(base_executor.BaseExecutor):
    """Measures the models, writes the evaluation, and blesses or refuses each model."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes a verdict on every model; a refusal is a result, not an error."""
        self._log_startup(input_dict, output_dict, exec_properties)
        input_dict = _without_empty_baselines(input_dict)
        settings = from_mapping(
            EvaluationSettings, json.loads(exec_properties[SETTINGS]), "evaluation settings"
        )
        splits = {
            split: artifact_utils.get_split_uri(input_dict[EXAMPLES], split)
            for split in ("test", "train")
        }
        result = assess(
            {
                name: _serving_dir(input_dict[name])
                for name in (*MODELS, JUDGE)
                if input_dict.get(name)
            },
            {
                name: _serving_dir(input_dict[baseline_key(name)])
                for name in MODELS
                if input_dict.get(baseline_key(name))
            },
            list(read_examples(splits["test"])),
            list(read_examples(splits["train"], limit=settings.train_samples)),
            settings=settings,
            thresholds=read_thresholds(json.loads(exec_properties[THRESHOLDS])),
            force_bless=exec_properties.get(FORCE_BLESS) or "",
            earlier=_earlier(input_dict, settings),
            earlier_judge=_serving_dir(judge) if (judge := input_dict.get(EARLIER_JUDGE)) else "",
        )
        result.write(artifact_utils.get_single_uri(output_dict[EVALUATION]))
        component_id = exec_properties.get("current_component_id", "")
        for name, verdict in result.verdicts.items():
            _bless(verdict, input_dict, output_dict[blessing_key(name)], component_id)
            log = logging.info if verdict.blessed and not verdict.forced else logging.warning
            log("%s: %s", name.capitalize(), verdict.sentence)


def _earlier(
    inputs: dict[str, list[types.Artifact]], settings: EvaluationSettings
) -> list[Earlier]:
    """Other data and the models that were blessed on them, unless their files were deleted."""
    blessed_on: dict[str, list[str]] = {}
    for name in MODELS:
        for examples in inputs.get(earlier_key(name)) or []:
            blessed_on.setdefault(examples.uri, []).append(name)
    found = []
    for names in blessed_on.values():
        examples = inputs[earlier_key(names[0])]
        test, train = (artifact_utils.get_split_uri(examples, split) for split in ("test", "train"))
        if not files.is_folder(test):
            logging.warning("%s is gone: what was forgotten of it is not measured", test)
            continue
        training = read_examples(train, limit=settings.train_samples)
        found.append(Earlier(tuple(names), list(read_examples(test)), list(training)))
    return found


def _serving_dir(model: list[types.Artifact]) -> str:
    return path_utils.serving_model_path(artifact_utils.get_single_uri(model))


def _without_empty_baselines(
    inputs: dict[str, list[types.Artifact]],
) -> dict[str, list[types.Artifact]]:
    """Drops baselines without a model, which LastBlessed writes if there is no blessed model."""
    baselines = [baseline_key(name) for name in MODELS]
    return {
        key: [
            artifact
            for artifact in artifacts
            if key not in baselines
            or tf.io.gfile.isdir(path_utils.serving_model_path(artifact.uri))
        ]
        for key, artifacts in inputs.items()
    }


def _bless(
    verdict: Verdict,
    inputs: dict[str, list[types.Artifact]],
    target: list[types.Artifact],
    component_id: str,
) -> None:
    """Writes the blessing with the properties of the standard Evaluator."""
    artifact = artifact_utils.get_single_instance(target)
    write_blessing(
        artifact,
        verdict.blessed,
        verdict.sentence,
        yes=constants.BLESSED_FILE_NAME,
        no=constants.NOT_BLESSED_FILE_NAME,
    )
    model = artifact_utils.get_single_instance(inputs[verdict.model])
    artifact.set_string_custom_property(
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
    )
    artifact.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    for baseline in inputs.get(baseline_key(verdict.model)) or []:
        artifact.set_string_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri
        )
        artifact.set_int_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id
        )
    if component_id:
        artifact.set_string_custom_property("component_id", component_id)
    if verdict.forced:
        artifact.set_string_custom_property(FORCED, verdict.forced)
        artifact.set_string_custom_property(REFUSAL, verdict.refusal)
