"""The arguments of each command of `tuwen`, apart from what they do."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from pipeline import argument_types
from pipeline.cluster.spec import TARGETS
from pipeline.server.config import Limits

STAGES = ("encoder", "captioner", "generator")


def add_arguments(command: str, parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `command` to its parser."""
    _ADD[command](parser)


def _run(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    _work(parser)
    parser.add_argument(
        "--minutes", type=argument_types.positive, help="training budget in place of the config's"
    )
    parser.add_argument("--smoke", action="store_true", help="run the config's smoke twin")
    parser.add_argument(
        "--force-bless",
        metavar="REASON",
        type=argument_types.reason,
        help="bless models that miss a threshold, in this run only; the reason and what it "
        "overrides are recorded with the blessing, in metrics.json and in the report",
    )
    parser.add_argument("--fresh", action="store_true", help="run every node, whatever is cached")


def _nothing(parser: argparse.ArgumentParser) -> None:
    del parser


def _check_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", help="captioned folder or file, COCO captions, or tfds:NAME[/CONFIG]"
    )
    parser.add_argument("--data-dir", help="where TFDS keeps its data sets")
    parser.add_argument("--images", help="the folder that image paths start from")
    parser.add_argument("--files", metavar="PATTERN", help="caption files of a folder")
    parser.add_argument(
        "--span", type=argument_types.count, help="the number for {SPAN} in PATH (the newest)"
    )
    parser.add_argument(
        "--window", type=argument_types.count, default=1, help="spans to read, this one the last"
    )
    parser.add_argument(
        "--resolution",
        type=argument_types.count,
        help="side of the models' pictures (64, or the config's)",
    )
    parser.add_argument(
        "--config", metavar="CONFIG", help="read and judge the data as a run of this config would"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change any setting of the config, or of the defaults without one",
    )
    parser.add_argument(
        "--model", metavar="DIR", help="say which words this SavedModel or run does not know"
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="write a page and check.json here")


def _schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("diff",), help="compare, and write a proposal")
    parser.add_argument("work", nargs="?", metavar="DIR", help="work directory (the newest run)")
    parser.add_argument("--schema", metavar="FILE", help="reviewed .pbtxt (the run's own)")
    parser.add_argument("-o", "--output", metavar="FILE", help="where the proposal goes")


def _train(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    _work(parser)
    parser.add_argument("--stage", choices=STAGES, default="encoder", help="which model to train")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=argument_types.positive, help="time budget of this stage")
    budget.add_argument("--steps", type=argument_types.count, help="a fixed number of steps")
    parser.add_argument(
        "--folds",
        type=argument_types.folds,
        metavar="K",
        help="cross-validate instead of exporting a model: K trainings with the whole budget each "
        "(captioner and generator train an encoder of each fold first), held-out mean and spread",
    )
    parser.add_argument("--smoke", action="store_true", help="take the config's smoke twin")


def _generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "text", nargs="+", type=argument_types.words, metavar="TEXT", help="what to draw"
    )
    _model(parser)
    parser.add_argument("--n", type=argument_types.count, default=1, help="pictures of each text")
    parser.add_argument(
        "--seed", type=argument_types.seed, default=0, help="seed of the first picture"
    )
    parser.add_argument(
        "--truncation",
        type=argument_types.positive,
        default=1.0,
        help="below 1: less variety, safer pictures",
    )
    parser.add_argument("-o", "--output", default="generated", help="folder, or one .png file")


def _caption(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="+", metavar="IMAGE", help="PNG or JPEG file")
    _model(parser)
    parser.add_argument(
        "--language",
        metavar="TAG",
        help="language of the captions, such as en or zh; what the captioner writes, the command "
        "says (the training data's most frequent)",
    )


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory",
        nargs="?",
        metavar="DIR",
        help="work directory, or directory of models (the newest run)",
    )
    parser.add_argument(
        "--config", metavar="FILE", help="TensorFlow Serving's models.config in place of DIR"
    )
    _listen(parser, port=8501)
    parser.add_argument("--grpc-port", type=argument_types.port, default=8500, help="port of gRPC")
    parser.add_argument(
        "--allow-reload",
        action="store_true",
        help="let clients choose what is served (gRPC HandleReloadConfigRequest), from the "
        "directories that hold the served models; whoever can write there can run code",
    )
    limits = parser.add_argument_group("limits")
    for name, kind, default, text in _LIMITS:
        limits.add_argument(name, type=kind, default=default, help=text)
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print a models.config with the labels stable and canary, and serve nothing",
    )
    parser.add_argument(
        "--base-path",
        metavar="PATH",
        help="with --print-config: where TensorFlow Serving will find the models",
    )


_LIMITS: tuple[tuple[str, Callable[[str], float], float, str], ...] = (
    ("--max-rows", argument_types.count, Limits.rows, "rows of a request"),
    ("--max-bytes", argument_types.count, Limits.body_bytes, "bytes of a request, unpacked"),
    ("--max-seconds", argument_types.positive, Limits.seconds, "until a request is given up"),
    ("--max-waiting", argument_types.count, Limits.waiting, "requests that wait for their turn"),
    ("--max-connections", argument_types.count, Limits.connections, "of REST, and of gRPC"),
    ("--idle-seconds", argument_types.positive, Limits.idle_seconds, "an idle connection stays"),
)


def _rollback(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", choices=STAGES, help="which model")
    _work(parser, "work directory of the run (the newest run)")


def _watch(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    _work(parser)
    parser.add_argument(
        "--minutes", type=argument_types.positive, help="training budget of each run"
    )
    parser.add_argument("--smoke", action="store_true", help="run the config's smoke twin")
    parser.add_argument(
        "--every",
        type=argument_types.positive,
        default=60.0,
        metavar="SECONDS",
        help="between two looks",
    )
    parser.add_argument(
        "--once", action="store_true", help="look once, run if there is something new, and end"
    )


def _demo_ui(parser: argparse.ArgumentParser) -> None:
    _work(parser, "work directory of a finished run (the newest run)")
    _listen(parser, port=7860)


def _evaluate(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    _model(parser)
    parser.add_argument("--smoke", action="store_true", help="take the config's smoke twin")
    parser.add_argument("-o", "--output", metavar="DIR", help="folder for figures and samples")


def _compile(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    parser.add_argument(
        "--minutes", type=argument_types.positive, help="training budget in place of the config's"
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
    parser.add_argument(
        "--workers", type=argument_types.count, default=2, help="pods of a train job"
    )
    parser.add_argument("-o", "--output", default="pipeline.yaml", metavar="FILE", help="YAML file")


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="FILE", help="what 'tuwen compile' wrote")
    parser.add_argument(
        "--work", metavar="DIR", help="work directory (runs/dry-run-<name of the pipeline>)"
    )
    parser.add_argument(
        "--parallel", type=argument_types.count, default=2, help="nodes at a time, at most"
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="value of a parameter of the pipeline",
    )
    parser.add_argument("--fresh", action="store_true", help="run every node, whatever finished")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("work", nargs="?", metavar="DIR", help="work directory (the newest run)")


def _compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="RUN", help="work directory of one finished run")
    parser.add_argument("now", metavar="RUN", help="of the other, which is judged against it")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="comparison.html", help="the page to write"
    )


_ADD: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "run": _run,
    "configs": _nothing,
    "check-data": _check_data,
    "schema": _schema,
    "train": _train,
    "generate": _generate,
    "caption": _caption,
    "serve": _serve,
    "rollback": _rollback,
    "watch": _watch,
    "demo-ui": _demo_ui,
    "evaluate": _evaluate,
    "compare": _compare,
    "compile": _compile,
    "dry-run": _dry_run,
    "report": _report,
}


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config",
        nargs="?",
        default="demo",
        metavar="CONFIG",
        help="name of a config (see 'tuwen configs') or a YAML file",
    )
    parser.add_argument("--data", metavar="PATH", help="data set in place of the config's")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change any setting"
    )


def _work(
    parser: argparse.ArgumentParser, what: str = "work directory (runs/<name of the config>)"
) -> None:
    parser.add_argument("--work", metavar="DIR", help=what)


def _listen(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; others than this machine's own let the network in",
    )
    parser.add_argument(
        "--port", type=argument_types.port, default=port, help="port of HTTP, 0 for any"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which clients reach this machine, besides --host and localhost; may be "
        "repeated (requests for any other name are refused)",
    )


def _model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        metavar="DIR",
        help="a SavedModel or a work directory (the last pushed model of the newest run)",
    )
