"""The preprocessing of TFX Transform, and the schema of its input examples; needs no TFX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.base.errors import DataError

# The schema of the raw examples, for ImportSchemaGen.
SCHEMA_FILE = str(Path(__file__).with_name("schema.pbtxt"))


def read_schema(path: Path) -> Any:
    """Returns the `schema_pb2.Schema` in a text file.

    Raises:
      DataError: the file is not a schema; the message names the line.
      OSError: it cannot be read.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    remedy = f"Take {SCHEMA_FILE} as an example, or set schema: curated."
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), schema_pb2.Schema())
    except UnicodeDecodeError as error:
        raise DataError(str(path), f"not UTF-8 text (byte {error.start})", remedy) from None
    except text_format.ParseError as error:
        problem = f"no schema in text form ({' '.join(str(error).split())[:120]})"
        raise DataError(f"{path}:{error.GetLine() or 1}", problem, remedy) from None
    except RecursionError:
        raise DataError(str(path), "no schema: it is nested too deeply", remedy) from None
