"""`tuwen check-data`: a data set as a run would see it, and what is wrong with it."""

from __future__ import annotations

import argparse
import functools

from tqdm import tqdm

from data.check import check
from data.check_text import render
from data.sources import open_source


def run(arguments: argparse.Namespace) -> int:
    """Prints figures and problems; returns 1 when a run would stop on this data."""
    source = open_source(
        arguments.path,
        data_dir=arguments.data_dir,
        images=arguments.images,
        files_pattern=arguments.files,
    )
    bar = functools.partial(tqdm, desc="reading", unit=" pictures", mininterval=0.5, leave=False)
    result = check(source, resolution=arguments.resolution, progress=bar)
    print(render(result))
    return 0 if result.ok else 1
