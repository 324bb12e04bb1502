"""CrossModalEvaluator: the node that decides whether the three models of a run may be served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.cross_modal_evaluator import executor
from components.cross_modal_evaluator.executor import baseline_key, blessing_key, earlier_key
from components.cross_modal_evaluator.thresholds import MODELS, Threshold
from trainer.evaluation.settings import EvaluationSettings
from trainer.settings_loader import to_mapping


class CrossModalEvaluatorSpec(ComponentSpec):
    """Channels and properties of CrossModalEvaluator."""

    PARAMETERS: Mapping[str, ExecutionParameter] = {
        executor.SETTINGS: ExecutionParameter(type=str),
        executor.THRESHOLDS: ExecutionParameter(type=str),
        executor.FORCE_BLESS: ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {
        executor.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        **{name: ChannelParameter(type=standard_artifacts.Model) for name in MODELS},
        **{
            baseline_key(name): ChannelParameter(type=standard_artifacts.Model, optional=True)
            for name in MODELS
        },
        executor.JUDGE: ChannelParameter(type=standard_artifacts.Model, optional=True),
        **{
            earlier_key(name): ChannelParameter(type=standard_artifacts.Examples, optional=True)
            for name in MODELS
        },
        executor.EARLIER_JUDGE: ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS: Mapping[str, ChannelParameter] = {
        executor.EVALUATION: ChannelParameter(type=standard_artifacts.ModelEvaluation),
        **{
            blessing_key(name): ChannelParameter(type=standard_artifacts.ModelBlessing)
            for name in MODELS
        },
    }


class CrossModalEvaluator(base_component.BaseComponent):
    """Evaluates encoder, captioner and generator together and blesses or refuses each.

    Component `outputs` contains:
      - `evaluation`: Channel of type `standard_artifacts.ModelEvaluation`: `metrics.json`,
        `samples/` and `verdicts.json`.
      - `encoder_blessing`, `captioner_blessing`, `generator_blessing`: Channels of type
        `standard_artifacts.ModelBlessing`, each for its Pusher.
    """

    SPEC_CLASS = CrossModalEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        encoder: types.BaseChannel,
        captioner: types.BaseChannel,
        generator: types.BaseChannel,
        settings: EvaluationSettings,
        thresholds: Mapping[str, Threshold],
        baseline_encoder: types.BaseChannel | None = None,
        baseline_captioner: types.BaseChannel | None = None,
        baseline_generator: types.BaseChannel | None = None,
        judge: types.BaseChannel | None = None,
        earlier_encoder: types.BaseChannel | None = None,
        earlier_captioner: types.BaseChannel | None = None,
        earlier_generator: types.BaseChannel | None = None,
        earlier_judge: types.BaseChannel | None = None,
        force_bless: str = "",
    ) -> None:
        """Builds the node.

        Args:
          examples: Channel of type `standard_artifacts.Examples` in the raw format, with a train
            and a test split.
          encoder, captioner, generator: Channels of type `standard_artifacts.Model`.
          settings: of the evaluation.
          thresholds: by metric name or pattern such as `kid_encoder_n*`.
          baseline_encoder, baseline_captioner, baseline_generator: the last blessed models; the
            channels may be empty.
          judge: Channel of type `standard_artifacts.Model` with an encoder that the generator was
            not trained against, for metrics of generated pictures; without it, the run's encoder is
            used.
          earlier_encoder, earlier_captioner, earlier_generator: Channels of type
            `standard_artifacts.Examples` with other data on which that model was last blessed, for
            thresholds that limit forgetting; the channels may be empty.
          earlier_judge: as `judge`, of the run that blessed the last generator on other data.
          force_bless: a reason to bless all three models regardless of metrics; it is recorded.
        """
        written: dict[str, Any] = {name: to_mapping(item) for name, item in thresholds.items()}
        channels = {
            executor.EXAMPLES: examples,
            **dict(zip(MODELS, (encoder, captioner, generator), strict=True)),
            baseline_key("encoder"): baseline_encoder,
            baseline_key("captioner"): baseline_captioner,
            baseline_key("generator"): baseline_generator,
            executor.JUDGE: judge,
            earlier_key("encoder"): earlier_encoder,
            earlier_key("captioner"): earlier_captioner,
            earlier_key("generator"): earlier_generator,
            executor.EARLIER_JUDGE: earlier_judge,
            executor.EVALUATION: types.Channel(type=standard_artifacts.ModelEvaluation),
            **{
                blessing_key(name): types.Channel(type=standard_artifacts.ModelBlessing)
                for name in MODELS
            },
        }
        spec = CrossModalEvaluatorSpec(
            settings=json.dumps(to_mapping(settings), sort_keys=True),
            thresholds=json.dumps(written, sort_keys=True),
            force_bless=force_bless,
            **channels,
        )
        super().__init__(spec=spec)
