"""`tuwen compile`: the pipeline as a file for Kubeflow Pipelines or Vertex."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from pipeline import settings as settings_file
from pipeline.cluster import train_job
from pipeline.cluster.spec import (
    KUBEFLOW,
    STORE_MARK,
    Spec,
    document_text,
    require_sound,
    tasks,
    write_document,
)
from pipeline.errors import UsageError
from pipeline.settings import CURATED, INFERRED, Settings
from pipeline.work_dir import WorkDir

HEADER = (
    "Pipeline {name} for {target}, made by `tuwen compile`; docs/cluster.md says what is what.\n"
)

JOB_HEADER = (
    "Training of the {stage} by Kubeflow's Training Operator: `kubectl apply -f {output}`.\n"
    "Made by `tuwen compile --train-job`; docs/cluster.md says what is what.\n"
)

PARAMETERS = {
    "data": "the captioned pictures",
    "minutes": "of training, in place of a fixed number of steps too",
    "store": "for pushed models, figures and the report",
    "checkpoints": "folder on a volume; empty: in the store if that is a folder",
    "image": "of every container",
}


def run(arguments: argparse.Namespace) -> int:
    """Compiles a config, checks what came out, writes it."""
    settings = with_wishes(
        settings_file.load(
            arguments.config,
            data=arguments.data,
            minutes=arguments.minutes,
            assignments=arguments.set,
            smoke=arguments.smoke,
        ),
        arguments,
    )
    require_complete(settings)
    output = Path(arguments.output)
    if arguments.train_job:
        return _train_job(settings, arguments, output)
    print("starting TFX, which takes half a minute ...", flush=True)
    specs = compiled(settings, arguments.target)
    require_sound(specs[0], str(output))
    header = HEADER.format(name=settings.name, target=arguments.target)
    write_document(output, document_text(specs, header))
    print(f"{output}: {len(tasks(specs[0]))} nodes for {arguments.target}")
    for name, one in specs[0]["root"]["inputDefinitions"]["parameters"].items():
        print(f"  {name:<12} {one['defaultValue']!s:<40} {PARAMETERS[name]}")
    print(f"Try it here: tuwen dry-run {output}")
    return 0


def _train_job(settings: Settings, arguments: argparse.Namespace, output: Path) -> int:
    stage, workers = arguments.train_job, arguments.workers
    if arguments.target != KUBEFLOW:
        raise UsageError(
            f"--train-job: {arguments.target} has no Training Operator; leave --target"
        )
    specs = train_job.compile_job(settings, stage, workers)
    header = JOB_HEADER.format(stage=stage, output=output)
    write_document(output, document_text(specs, header))
    batch = getattr(settings, stage).batch_size
    print(f"{output}: TFJob {specs[1]['metadata']['name']}, {workers} workers, batch of {batch}")
    print(f"Start it: kubectl apply -f {output}")
    return 0


def compiled(settings: Settings, target: str) -> list[Spec]:
    """Returns the documents of a pipeline; imports TFX."""
    from pipeline import graph
    from pipeline.cluster import compiling
    from pipeline.resolvers import InStore

    work = WorkDir(Path(STORE_MARK))
    nodes = graph.create_nodes(settings, work, data_fingerprint="", last=InStore(work))
    return compiling.compile_nodes(nodes, settings, target)


def with_wishes(settings: Settings, arguments: argparse.Namespace) -> Settings:
    """Returns settings with `--image` and `--store` in the place of the config's."""
    cluster = settings.cluster
    given = {"image": arguments.image, "store": arguments.store}
    changed = replace(cluster, **{key: value for key, value in given.items() if value})
    return replace(settings, cluster=changed)


def require_complete(settings: Settings) -> None:
    """Raises UsageError for what a pipeline on a cluster cannot do without."""
    cluster = settings.cluster
    if not cluster.image:
        raise UsageError("no image to run: add --image REGISTRY/NAME:TAG, or set cluster.image")
    if not cluster.store:
        raise UsageError(
            "no place for pushed models and the report: add --store gs://BUCKET/FOLDER, or set "
            "cluster.store"
        )
    if settings.pretrain is not None:
        raise UsageError(
            "pretrain: a compiled pipeline is one run. Compile and run that config, and name what "
            "it pushed in start_from"
        )
    if settings.schema not in (CURATED, INFERRED):
        raise UsageError(
            f"schema = {settings.schema!r} is a file of this machine, which no container sees: "
            f"use {CURATED} or {INFERRED}"
        )
