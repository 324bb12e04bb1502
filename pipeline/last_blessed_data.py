"""Which earlier data the new data are compared with: those of the last blessed run."""

from __future__ import annotations

from collections.abc import Iterator

import ml_metadata as mlmd
from tfx import types
from tfx.v1.dsl.experimental import ResolverStrategy

from components.blessing import stands

STATISTICS = "statistics"
GATE = "gate"
EXAMPLES = "examples"
CANDIDATE = "candidate"
RUN = "pipeline_run"


class LastBlessedDataStrategy(ResolverStrategy):
    """Resolves `statistics`, `gate` and `examples` to those of the newest run with a blessed model.

    Runs on the candidate's own data do not count: a finished run that is started again would be
    compared with itself, and could not come from the cache.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Returns `input_dict` with one artefact or none under each of the three."""
        own = {artifact.id for artifact in input_dict[CANDIDATE]}
        found: dict[str, list[types.Artifact]] = {STATISTICS: [], GATE: [], EXAMPLES: []}
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
        if name not in (STATISTICS, GATE, EXAMPLES, CANDIDATE)
        for artifact in several
        if stands(artifact)
    )
    for blessing in sorted(blessings, key=lambda artifact: -artifact.id):
        runs = [one for one in store.get_contexts_by_artifact(blessing.id) if one.type == RUN]
        for run in sorted(runs, key=lambda context: context.id):
            yield {artifact.id for artifact in store.get_artifacts_by_context(run.id)}
