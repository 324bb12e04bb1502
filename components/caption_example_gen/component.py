"""CaptionExampleGen: the first node, which reads captioned pictures from any source."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import RejectedRows
from components.caption_example_gen import executor
from components.caption_example_gen.options import IngestOptions
from data.sources import spans

DEFAULT_OPTIONS = IngestOptions()


class CaptionExampleGenSpec(ComponentSpec):
    """Channels and properties of CaptionExampleGen."""

    PARAMETERS: Mapping[str, ExecutionParameter] = {
        executor.SOURCE: ExecutionParameter(type=str),
        executor.OPTIONS: ExecutionParameter(type=str),
        executor.MAX_REJECT_SHARE: ExecutionParameter(type=float),
        executor.FINGERPRINT: ExecutionParameter(type=str),
        executor.SPAN: ExecutionParameter(type=int, optional=True),
        executor.VERSION: ExecutionParameter(type=int, optional=True),
        executor.WINDOW: ExecutionParameter(type=int, optional=True),
    }
    INPUTS: Mapping[str, ChannelParameter] = {}
    OUTPUTS: Mapping[str, ChannelParameter] = {
        executor.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        executor.REJECTS: ChannelParameter(type=RejectedRows),
    }


class CaptionExampleGen(base_beam_component.BaseBeamComponent):
    """Reads captioned pictures, rejects bad ones with reasons, and writes the others by split.

    Component `outputs` contains:
      - `examples`: Channel of type `standard_artifacts.Examples` with the splits train, val and
        test, gzipped TFRecords of tf.train.Example in the format of `data.schema`.
      - `rejects`: Channel of type `RejectedRows`, all rejected rows, and the counts.
    """

    SPEC_CLASS = CaptionExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        source: str,
        *,
        options: IngestOptions = DEFAULT_OPTIONS,
        max_reject_share: float = 0.05,
        fingerprint: str = "",
        span: int | None = None,
        version: int | None = None,
        window: int = 1,
    ) -> None:
        """Builds the node.

        Args:
          source: a path or `tfds:NAME[/CONFIG]`; `{SPAN}` and `{VERSION}` match numbers.
          options: of reading the source.
          max_reject_share: the run stops if a larger fraction of the rows is rejected.
          fingerprint: of the data, see `fingerprint`. TFX uses cached outputs if all properties are
            equal. A path stays the same if its files change, so the fingerprint of the data must be
            one of the properties. Empty if the data are not accessible when the pipeline is built;
            such a run should not be cached.
          span, version: the numbers; None for the newest.
          window: maximum number of spans, up to that one, that are read as one data set.

        Raises:
          ValueError: `max_reject_share` is not between 0 and 1.
        """
        if not 0 <= max_reject_share <= 1:
            raise ValueError(f"max_reject_share is {max_reject_share}; give a number from 0 to 1")
        spec = CaptionExampleGenSpec(
            source=source,
            options=options.to_json(),
            max_reject_share=float(max_reject_share),
            input_fingerprint=fingerprint,
            span=span,
            version=version,
            window=window,
            examples=types.Channel(type=standard_artifacts.Examples),
            rejects=types.Channel(type=RejectedRows),
        )
        super().__init__(spec=spec)


def fingerprint(
    source: str,
    options: IngestOptions = DEFAULT_OPTIONS,
    span: int | None = None,
    version: int | None = None,
    window: int = 1,
) -> str:
    """Returns the `fingerprint` of `CaptionExampleGen`, which changes only with the data.

    Opens no picture. Generates a TFDS data set that needs no download and is not on the disk yet.

    Raises:
      DataError: the source does not exist.
    """
    found = spans.resolve_window(source, window, span, version)
    return spans.open_window(found, options.open).fingerprint()
