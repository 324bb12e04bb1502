"""A second span joins the first: what a user types, and what the models keep.

The first has English captions, the second English and Chinese ones.
"""

import json

import pytest

from data.scenes import as_captioned_images
from tests.e2e.commands import tuwen
from tests.scene_folders import write_scenes
from trainer.config import STAGES

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PICTURES = 120
BOUNDS = "cider_d_en: {model: captioner, max_forgetting: 5}"
BOUNDS += ", retrieval_*: {model: encoder, max_forgetting: 1}"
SETS = ("start_from=last", "source.window=2", "training.replay=0.25", f"thresholds={{{BOUNDS}}}")
RUN = ("run", "flickr8k64", "--smoke", "--data", "spans/span-{SPAN}")
RUN += tuple(f"--set={change}" for change in SETS)
WORK = "runs/flickr8k64-smoke"


def arrive(spans, number, languages):
    """Writes a span as a captioned folder."""
    scenes = list(as_captioned_images(PICTURES, 32, seed=number, languages=languages))
    write_scenes(spans / f"span-{number}", scenes, [scene.split for scene in scenes])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The directory of two runs, and what each printed and left in metrics.json."""
    directory, left = tmp_path_factory.mktemp("spans"), []
    for number, languages in ((1, ("en", "en")), (2, ("en", "zh"))):
        arrive(directory / "spans", number, languages)
        said = tuwen(directory, *RUN)
        left.append((said, json.loads((directory / WORK / "metrics.json").read_text("utf-8"))))
    return directory, *left


def versions(directory, stage):
    return sorted((directory / WORK / "serving" / stage).iterdir(), key=lambda one: int(one.name))


@pytest.mark.parametrize("stage", STAGES)
def test_each_model_starts_from_the_one_of_the_first_span(runs, stage):
    first, second = versions(runs[0], stage)
    told = json.loads((second / "assets.extra/tuwen/summary.json").read_text(encoding="utf-8"))
    assert told["start"]["source"].endswith(f"{stage}/{first.name}")
    assert told["start"]["taken"]
    assert told["replay"]["share"] == 0.25
    assert set(told["replay"]["pictures"]) == {"1", "2"}


def test_the_second_language_is_learned_and_measured(runs):
    names = [{metric["name"] for metric in left["metrics"]} for _, left in runs[1:]]
    assert [{"cider_d_en", "cider_d_zh_char"} & found for found in names] == [
        {"cider_d_en"},
        {"cider_d_en", "cider_d_zh_char"},
    ]


def test_what_was_forgotten_is_measured_bounded_and_told(runs):
    directory, (_, first), (said, second) = runs
    assert not first["forgetting"]
    found = {(one["model"], one["before"]["name"]) for one in second["forgetting"]}
    assert ("captioner", "cider_d_en") in found
    assert "encoder" in {model for model, _ in found}
    told = "on the pictures of the last run that blessed the captioner, cider_d_en went"
    assert told in " ".join(said.split())
    page = (directory / WORK / "report/index.html").read_text(encoding="utf-8")
    assert '<section id="forgetting">' in page


def test_a_rollback_serves_the_first_model_again(runs):
    first, second = versions(runs[0], "captioner")
    said = tuwen(runs[0], "rollback", "captioner", "--work", WORK)
    *_, third = versions(runs[0], "captioner")
    assert f"captioner: version {first.name} is back as" in said
    assert f"The blessing of version {second.name} is withdrawn" in said
    weights = "variables/variables.data-00000-of-00001"
    assert (third / weights).read_bytes() == (first / weights).read_bytes()
    assert (third / weights).read_bytes() != (second / weights).read_bytes()
