"""The commands of `tuwen`: what each is for, and lines to copy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command: what it is for, the module with its `run(arguments)`, and lines to copy."""

    help: str
    module: str
    examples: tuple[str, ...]


COMMANDS = {
    "run": Command(
        "run the whole pipeline: read, check, train, judge, push, report",
        "pipeline.commands.run",
        (
            "tuwen run demo",
            "tuwen run demo --smoke                       # the whole graph in seconds of training",
            "tuwen run fashion64 --data PATH --minutes 40",
            "tuwen run demo --set generator.batch_size=64 --set training.seed=1",
            "tuwen run demo --force-bless 'shown tomorrow, to be replaced on Monday'",
        ),
    ),
    "configs": Command(
        "list the configs with what they cost and give",
        "pipeline.commands.configs",
        ("tuwen configs",),
    ),
    "check-data": Command(
        "read a data set as a run would, and say what is wrong with it",
        "pipeline.commands.check_data",
        (
            "tuwen check-data my-pictures/ -o check/",
            "tuwen check-data tfds:captioned_scenes/32px",
            "tuwen check-data 'data/span-{SPAN}' --window 3 --model runs/fashion64",
        ),
    ),
    "schema": Command(
        "say what a run's data would change in the reviewed schema, and propose a new one",
        "pipeline.commands.schema",
        ("tuwen schema diff", "tuwen schema diff runs/fashion64 --schema schema.pbtxt"),
    ),
    "train": Command(
        "train one model without TFX, to try things out",
        "pipeline.commands.train",
        (
            "tuwen train demo --stage encoder --minutes 2",
            "tuwen train demo --stage generator --steps 500 --set generator.width=16",
            "tuwen train demo --stage captioner --minutes 2 --folds 5  # mean and spread",
        ),
    ),
    "generate": Command(
        "draw pictures from captions",
        "pipeline.commands.generate",
        (
            "tuwen generate 'a red circle above a blue square'",
            "tuwen generate '一个红色的圆' 'a small star' --n 4 --seed 7 -o pictures/",
        ),
    ),
    "caption": Command(
        "describe pictures in words",
        "pipeline.commands.caption",
        (
            "tuwen caption picture.png",
            "tuwen caption *.jpg --model runs/demo",
            "tuwen caption picture.png --language zh",
        ),
    ),
    "serve": Command(
        "serve models as TensorFlow Serving does (REST and gRPC), for development and tests",
        "pipeline.commands.serve",
        (
            "tuwen serve                                  # the models of the newest run",
            "tuwen serve runs/demo --port 8501 --grpc-port 8500",
            "tuwen serve --config models.config           # versions and labels of your choice",
            "tuwen serve runs/demo --print-config --base-path /models  # labels stable and canary",
        ),
    ),
    "rollback": Command(
        "put the model that was served before the current one back in place",
        "pipeline.commands.rollback",
        ("tuwen rollback generator", "tuwen rollback captioner --work runs/fashion64"),
    ),
    "watch": Command(
        "run a config again whenever a new span of data has arrived",
        "pipeline.commands.watch",
        (
            "tuwen watch fashion64 --data data/",
            "tuwen watch fashion64 --data 'data/span-{SPAN}' --every 300 --set start_from=last",
            "tuwen watch fashion64 --data data/ --once     # for cron",
        ),
    ),
    "demo-ui": Command(
        "try trained models in a browser",
        "pipeline.commands.demo_ui",
        ("tuwen demo-ui", "tuwen demo-ui --work runs/demo --port 7860"),
    ),
    "evaluate": Command(
        "measure pushed models again, without TFX",
        "pipeline.commands.evaluate",
        ("tuwen evaluate demo", "tuwen evaluate fashion64 --data PATH --model runs/fashion64"),
    ),
    "compare": Command(
        "put two runs side by side: settings, figures beyond noise, pictures",
        "pipeline.commands.compare",
        ("tuwen compare runs/demo runs/demo-wide", "tuwen compare runs/a runs/b -o a-b.html"),
    ),
    "compile": Command(
        "write the pipeline as a file for Kubeflow Pipelines or Vertex",
        "pipeline.commands.compile",
        (
            "tuwen compile demo --image REGISTRY/tuwen:0.1.0 --store gs://BUCKET/tuwen",
            "tuwen compile coco256 --target vertex -o vertex.yaml",
            "tuwen compile coco256 --train-job generator --workers 4 -o job.yaml",
        ),
    ),
    "dry-run": Command(
        "run a compiled pipeline here, each container's command in a process of its own",
        "pipeline.commands.dry_run",
        (
            "tuwen dry-run pipeline.yaml",
            "tuwen dry-run pipeline.yaml --parallel 4 --parameter data=my-pictures/",
        ),
    ),
    "report": Command(
        "say where a run's report is and what it found",
        "pipeline.commands.report",
        ("tuwen report", "tuwen report runs/demo"),
    ),
}
