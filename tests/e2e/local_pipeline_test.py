"""The whole pipeline on a few COCO captions, by the command that a user types, twice.

With a search of two trials before the encoder; the README's commands run the graph without one, on
a TFDS data set and on a captioned folder.
"""

import json
import re
from collections import Counter

import pytest
from PIL import Image

from components.metadata import opened, pb
from data.scenes import as_captioned_images
from tests.e2e.commands import tuwen
from trainer.config import STAGES

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.debian13]

PICTURES = 160
# Widths that are not the smoke twin's own.
SEARCH = ("tuning.stage=encoder", "tuning.space={encoder.width: {values: [6, 10]}}")
SEARCH += ("tuning.trials=2", "tuning.steps=2")
COCO = "coco/annotations/captions.json"
RUN = ("run", "coco256", "--smoke", "--data", COCO, *(f"--set={change}" for change in SEARCH))
WORK = "runs/coco256-smoke"
EXECUTED = (
    "CaptionExampleGen",
    "StatisticsGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "DataGate",
    "Transform",
    "Tuner",
    "CrossModalEvaluator",
    "RunReport",
    *(f"{kind}.{stage}" for kind in ("Trainer", "ServingCheck", "Pusher") for stage in STAGES),
)


def write_coco(folder):
    """Writes pictures and one captions file, laid out as COCO's are."""
    (folder / "annotations").mkdir(parents=True)
    images, annotations = [], []
    for number, scene in enumerate(as_captioned_images(PICTURES, resolution=32, seed=5)):
        name = f"{scene.image_id}.png"
        (folder / name).write_bytes(scene.encoded)
        images.append({"id": number, "file_name": name, "split": scene.split})
        annotations += [{"image_id": number, "caption": text} for text in scene.captions]
    content = json.dumps({"images": images, "annotations": annotations}, ensure_ascii=False)
    (folder / "annotations/captions.json").write_text(content, encoding="utf-8")


def executions(directory):
    """Returns how often each node ended in which state."""
    store = opened(str(directory / f"{WORK}/metadata.db"))
    return {
        context.name.partition(".")[2]: Counter(
            pb.Execution.State.Name(execution.last_known_state)
            for execution in store.get_executions_by_context(context.id)
        )
        for context in store.get_contexts_by_type("node")
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The directory of a finished run, and what the run printed."""
    directory = tmp_path_factory.mktemp("e2e")
    write_coco(directory / "coco")
    return directory, tuwen(directory, *RUN)


def test_every_node_runs_once(finished):
    found = executions(finished[0])
    assert {name: found[name] for name in EXECUTED} == {
        name: Counter(COMPLETE=1) for name in EXECUTED
    }
    assert set(found) == {*EXECUTED, *(f"LastBlessed.{name}" for name in (*STAGES, "data"))}


def test_models_report_and_figures_are_left(finished):
    directory, printed = finished
    run = directory / WORK
    for stage in STAGES:
        (version,) = (run / "serving" / stage).iterdir()
        assert (version / "saved_model.pb").is_file()
        assert int(version.name) > 0
        assert str(version.relative_to(directory)) in printed
    assert "<html" in (run / "report/index.html").read_text(encoding="utf-8")
    verdicts = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["verdicts"]
    assert [verdict["blessed"] for verdict in verdicts] == [True, True, True]
    said = " ".join(printed.split())
    for verdict in verdicts:
        assert f"{verdict['model']}: {'blessed' if verdict['checks'] else 'Blessed: '}" in said
        assert all(check["sentence"] in said for check in verdict["checks"])


def test_what_the_search_found_is_trained_and_told(finished):
    run = finished[0] / WORK
    (table,) = run.glob("pipeline_root/Tuner/tuner_results/*/trials.jsonl")
    trials = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    assert sorted(trial["settings"]["encoder.width"] for trial in trials) == [6, 10]
    best = max(trials, key=lambda trial: trial["figure"])
    (version,) = (run / "serving/encoder").iterdir()
    record = json.loads((version / "assets.extra/tuwen/experiment.json").read_text("utf-8"))
    assert record["experiment"]["encoder"]["width"] == best["settings"]["encoder.width"]
    page = (run / "report/index.html").read_text(encoding="utf-8")
    assert "2 trials for the encoder" in page


def test_the_summary_names_a_picture_to_look_at(finished):
    directory, printed = finished
    (path,) = re.findall(r"look at +(\S+\.png)", printed)
    with Image.open(directory / path) as picture:
        assert picture.size == (32, 32)
    assert re.search(r"peak memory \d+\.\d GiB", printed)


def test_pushed_models_draw_and_describe(finished):
    directory, _ = finished
    printed = tuwen(directory, "generate", "a red circle", "--n", "2", "-o", "drawn")
    pictures = [line for line in printed.splitlines() if line.endswith(".png")]
    assert pictures == ["drawn/a-red-circle-0.png", "drawn/a-red-circle-1.png"]
    described = tuwen(directory, "caption", *pictures)
    assert all(f"\n{picture}: " in described for picture in pictures)


def test_a_second_run_takes_everything_from_the_cache(finished):
    directory, first = finished
    before = executions(directory)
    second = tuwen(directory, *RUN)
    added = {name: count - before[name] for name, count in executions(directory).items()}
    assert {name: added[name] for name in EXECUTED} == {
        name: Counter(CACHED=1) for name in EXECUTED
    }
    assert figures(second) == figures(first)


def figures(printed):
    """Returns the lines between the nodes and the time."""
    return printed.partition("\n\n")[2].rpartition("\nTime ")[0]
