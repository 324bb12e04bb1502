"""`tuwen compile`: the pipeline as a file for Kubeflow Pipelines or Vertex."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from data.base.files import write_whole
from pipeline.cluster.spec import (
    KUBEFLOW,
    STORE_MARK,
    TARGETS,
    Spec,
    document_text,
    require_sound,
    tasks,
)
from pipeline.commands.arguments import add_config, positive_number, whole_number
from pipeline.errors import UsageError
from pipeline.work_dir import WorkDir
from trainer.config import STAGES

if TYPE_CHECKING:
    from pipeline.settings import Settings

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

EXAMPLES = (
    "tuwen compile demo --image REGISTRY/tuwen:0.1.0 --store gs://BUCKET/tuwen",
    "tuwen compile coco256 --target vertex -o vertex.yaml",
    "tuwen compile coco256 --train-job generator --workers 4 -o job.yaml",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    add_config(parser)
    parser.add_argument(
        "--minutes", type=positive_number, help="training budget in place of the config's"
    )
    parser.add_argument("--smoke", action="store_true", help="compile the config's smoke twin")
    parser.add_argument(
        "--target", choices=TARGETS, default=TARGETS[0], help="who is to run the pipeline"
    )
    parser.add_argument("--image", metavar="IMAGE", help="container image (cluster.image)")
    parser.add_argument(
        "--store",
        metavar="PLACE",
        help="where pushed models and the report go, gs://... or a folder (cluster.store)",
    )
    parser.add_argument(
        "--train-job",
        choices=STAGES,
        metavar="STAGE",
        help="write a TFJob of Kubeflow's Training Operator for this stage's training alone",
    )
    parser.add_argument("--workers", type=whole_number, default=2, help="pods of a train job")
    parser.add_argument("-o", "--output", default="pipeline.yaml", metavar="FILE", help="YAML file")


def run(arguments: argparse.Namespace) -> int:
    """Compiles a config, checks what came out, writes it."""
    from pipeline import settings as settings_file

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
    write_whole(str(output), document_text(specs, header).encode("utf-8"))
    print(f"{output}: {len(tasks(specs[0]))} nodes for {arguments.target}")
    for name, one in specs[0]["root"]["inputDefinitions"]["parameters"].items():
        print(f"  {name:<12} {one['defaultValue']!s:<40} {PARAMETERS[name]}")
    print(f"Try it here: tuwen dry-run {output}")
    return 0


def _train_job(settings: Settings, arguments: argparse.Namespace, output: Path) -> int:
    from pipeline.cluster import train_job

    stage, workers = arguments.train_job, arguments.workers
    if arguments.target != KUBEFLOW:
        raise UsageError(
            f"--train-job: {arguments.target} has no Training Operator; leave --target"
        )
    specs = train_job.compile_job(settings, stage, workers)
    header = JOB_HEADER.format(stage=stage, output=output)
    write_whole(str(output), document_text(specs, header).encode("utf-8"))
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
    from pipeline.settings import CURATED, INFERRED

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
