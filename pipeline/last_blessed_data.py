"""Which earlier data the new data are compared with, or may be forgotten: of a blessed run."""

from __future__ import annotations

from collections.abc import Iterator

import ml_metadata as mlmd
from tfx import types
from tfx.v1.dsl.experimental import ResolverStrategy

from components.blessing import stands

STATISTICS = "statistics"
GATE = "gate"
EXAMPLES = "examples"
JUDGE = "judge"
CANDIDATE = "candidate"
RUN = "pipeline_run"
# What is looked up; all other inputs but the candidate are blessings.
_OF_A_RUN = (STATISTICS, GATE, EXAMPLES, JUDGE)


class LastBlessedDataStrategy(ResolverStrategy):
    """Resolves `statistics`, and `gate`, `examples` and `judge` where they are among the inputs, to
    those of the newest run that gave one of the blessings.

    Runs on the candidate's own data do not count: a finished run that is started again would be
    compared with itself, and could not come from the cache.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Returns `input_dict` with one artefact or none under each of these."""
        own = {artifact.id for artifact in input_dict[CANDIDATE]}
        found: dict[str, list[types.Artifact]] = {
            name: [] for name in _OF_A_RUN if name in input_dict
        }
        for members in _blessed_runs(store, input_dict):
            held = {
                name: [artifact for artifact in input_dict[name] if artifact.id in members][-1:]
                for name in found
            }
            if held[STATISTICS] and held[STATISTICS][0].id not in own:
                found = held
                break
        return {**input_dict, **found}


def _blessed_runs(
    store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
) -> Iterator[set[int]]:
    """Yields the ids of all artefacts of each run that blessed a model, the newest first."""
    blessings = (
        artifact
        for name, several in input_dict.items()
        if name not in (*_OF_A_RUN, CANDIDATE)
        for artifact in several
        if stands(artifact)
    )
    for blessing in sorted(blessings, key=lambda artifact: -artifact.id):
        runs = [one for one in store.get_contexts_by_artifact(blessing.id) if one.type == RUN]
        for run in sorted(runs, key=lambda context: context.id):
            yield {artifact.id for artifact in store.get_artifacts_by_context(run.id)}
