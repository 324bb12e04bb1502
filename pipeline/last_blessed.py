"""Which earlier model a newly trained one has to stand up to."""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.v1.dsl.experimental import ResolverStrategy

from components.blessing import stands

MODEL = "model"
BLESSING = "blessing"
CANDIDATE = "candidate"


class LastBlessedStrategy(ResolverStrategy):
    """Resolves `model` to the newest blessed one that is not the candidate itself.

    TFX's own LatestBlessedModelStrategy returns the candidate when a finished run is started again:
    the model would be judged against itself, and the judgement could not come from the cache.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Returns `input_dict` with one model or none under `model`, and its blessing."""
        candidates = {artifact.id for artifact in input_dict[CANDIDATE]}
        blessed = {
            blessing.get_int_custom_property("current_model_id"): blessing
            for blessing in sorted(input_dict[BLESSING], key=lambda artifact: artifact.id)
            if stands(blessing)
        }
        models = [item for item in input_dict[MODEL] if item.id in blessed.keys() - candidates]
        last = sorted(models, key=lambda artifact: artifact.id)[-1:]
        return {
            MODEL: last,
            BLESSING: [blessed[item.id] for item in last],
            CANDIDATE: input_dict[CANDIDATE],
        }
