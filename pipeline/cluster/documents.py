"""Compiled pipelines as YAML files; needs no TFX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.cluster.checking import require_sound
from pipeline.errors import UsageError

Spec = dict[str, Any]


def text(documents: list[Spec], header: str) -> str:
    """Returns YAML with sorted keys, so that equal pipelines are equal files.

    Args:
      documents: the PipelineSpec, and for Kubeflow what Kubernetes needs.
      header: lines for people, without `#`.
    """
    import yaml

    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())

    class Dumper(yaml.SafeDumper):
        """Writes text of several lines as it is, and the same mapping twice rather than by name."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def block(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, block)
    body = yaml.dump_all(documents, Dumper=Dumper, width=10**6, allow_unicode=True)
    return comment + body


def write(path: Path, content: str) -> None:
    """Writes the whole file or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(content, encoding="utf-8")
    partial.replace(path)


def read(path: Path) -> Spec:
    """Returns the PipelineSpec of a file that `text` made.

    Raises:
      UsageError: it is no YAML, no compiled pipeline, or one that does not hold together.
    """
    from trainer import yaml_values

    try:
        documents = yaml_values.load_all(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; make it with 'tuwen compile -o {path}'") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except yaml_values.YamlError as error:
        raise UsageError(f"{path}:{error.line}: not valid YAML: {error.problem}") from None
    specs = [one for one in documents if isinstance(one, dict) and "pipelineInfo" in one]
    if len(specs) != 1:
        raise UsageError(f"{path}: holds no PipelineSpec; make it with 'tuwen compile'")
    require_sound(specs[0], str(path))
    return specs[0]
