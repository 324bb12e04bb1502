"""Where a component that stops a run leaves what a person needs; needs no TFX."""

from __future__ import annotations

import posixpath

from data.base import files


def leave(output_uri: str, name: str, content: str) -> str:
    """Writes `content` where it outlives the failed execution; returns its path.

    TFX deletes the outputs of an execution that fails. So the file goes to `stopped/` in the
    component's own folder, under the number of the execution.

    Args:
      output_uri: of one of the outputs, `<component>/<output>/<execution>`.
      name: of the file.
      content: UTF-8 text.
    """
    channel, execution = posixpath.split(output_uri.rstrip("/"))
    path = posixpath.join(posixpath.dirname(channel), "stopped", execution, name)
    files.write_whole(path, content.encode("utf-8"))
    return path
