"""Settings: defaults, overrides, the smoke twins, and what a mistake is told."""

import re
from pathlib import Path

import pytest
import yaml

from components.caption_example_gen.options import IngestOptions
from pipeline import config_files, settings
from pipeline.settings import SourceSettings
from trainer.config import STAGES
from trainer.settings_loader import SettingsError, from_mapping


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("name", config_files.names())
@pytest.mark.parametrize("smoke", [False, True])
def test_every_config_and_its_twin_reads(name, smoke):
    got = settings.load(name, data="some/folder", smoke=smoke)
    assert got.name == (f"{name}-smoke" if smoke else name)
    assert all(0 < (got.training.steps_of(stage) or 0) <= 20 for stage in STAGES) is smoke


def test_the_demo_trains_as_many_steps_on_every_machine():
    steps = settings.load("demo").training.steps
    assert set(steps) == set(STAGES)
    assert settings.load("demo", minutes=3).training.steps is None
    assert settings.load("demo", smoke=True).training.steps == 7


@pytest.mark.parametrize("name", config_files.names())
def test_a_smoke_twin_only_changes_keys_of_its_config(name):
    file = config_files.load(config_files.find(name))
    assert file.smoke
    assert set(file.smoke) <= set(settings.Settings.__dataclass_fields__)


@pytest.mark.parametrize("name", config_files.names())
def test_the_generator_of_a_twin_plays_its_game_too(name):
    twin = settings.load(name, data="some/folder", smoke=True)
    steps = twin.training.steps_of("generator")
    assert (steps - 1) / steps >= twin.generator.adversarial_from


def test_the_thresholds_of_a_twin_take_the_place_of_all_others():
    assert set(settings.load("demo", smoke=True).thresholds) == {"r_precision_1of*"}
    assert len(settings.load("demo").thresholds) > 1


def test_the_four_configs_of_the_readme_are_there():
    assert {"demo", "fashion64", "flickr8k64", "coco256"} <= set(config_files.names())


@pytest.mark.parametrize("name", config_files.names())
def test_every_config_says_its_command_cost_and_figures(name):
    header = config_files.load(config_files.find(name)).header
    assert tuple(header) == config_files.HEADINGS
    assert header["Command"].startswith(f"tuwen run {name}")
    assert all(header.values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sauce: {path: x}", ["mine.yaml", "'sauce'", "Did you mean 'source'?", "training"]),
        ("source: {path: x, lang: en}", ["mine.yaml", "'source.lang'", "version"]),
        ("source: {path: x}\ningest: {limits: {max_pixel: 1}}", ["'ingest.limits.max_pixel'"]),
        (
            "source: {path: x}\ntraining: {minutes: soon}",
            ["mine.yaml", "training.minutes", "number"],
        ),
        ("source: {path: x}\ntraining: {minutes: 0}", ["training.minutes = 0", "more than 0"]),
        (
            "source: {path: x}\ndata: {resolution: 33}",
            ["data.resolution", "16, 28, 32, 64, 128, 256"],
        ),
        (
            "source: {path: x}\ngenerator: {architecture: two_stage, sketch_resolution: 12}",
            ["mine.yaml: generator.sketch_resolution = 12", "16 or 8"],
        ),
        (
            "source: {path: x}\ningest: {shares: [1, 1, 1]}",
            ["mine.yaml", "ingest: shares", "sum to 1"],
        ),
        (
            "source: {path: x}\ningest: {max_pictures: 0}",
            ["mine.yaml", "max_pictures 0", "1 or more"],
        ),
        ("source: {path: x, max_reject_share: 5}", ["source.max_reject_share", "0 to 1"]),
        (
            "source: {path: x}\ntuning: {stage: encoder, space: {encoder.widht: {min: 1, max: 2}}}",
            ["mine.yaml", "tuning.space", "mean 'encoder.width'?"],
        ),
        (
            "source: {path: x}\ngenerator: {reconstruction_weight: 0, adversarial_from: 0}\n"
            "tuning: {space: {generator.adversarial_from: {min: 0.1, max: 0.5}}}",
            ["mine.yaml", "tuning.space.generator.adversarial_from", "no bound"],
        ),
        ("source: {path: x}\nname: ../up", ["mine.yaml", "name = '../up'", "directory"]),
        ("source: [x]", ["mine.yaml", "'source' must be a mapping"]),
        ("- a\n- b", ["mine.yaml", "must be a mapping"]),
        ("a: [1", ["mine.yaml:1", "not valid YAML"]),
        ("a: 1\na: 2", ["mine.yaml:2", "'a' stands here twice"]),
        ("a: 1\nb: *x", ["mine.yaml:2", "undefined alias"]),
        ("source: {path: x}\nthresholds: {bleu4: {min: 1}}", ["thresholds.bleu4", "model"]),
    ],
)
def test_a_mistake_names_file_key_and_what_is_allowed(config, text, words):
    with pytest.raises(SettingsError) as caught:
        settings.load(config(text))
    assert [word for word in words if word not in str(caught.value)] == []


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(SettingsError, match=r"mine\.yaml: not UTF-8"):
        settings.load(str(path))


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(SettingsError, match="Did you mean 'demo'"):
        settings.load("demoo")
    with pytest.raises(SettingsError, match=r"gone\.yaml: no such file"):
        settings.load("gone.yaml")


def test_a_config_without_data_asks_for_it():
    with pytest.raises(SettingsError, match="add --data PATH"):
        settings.load("fashion64")


def test_later_wishes_win():
    got = settings.load(
        "demo",
        data="tfds:other",
        minutes=3,
        assignments=["training.minutes=5", "generator.augment=[cutout]", "training.seed=7"],
    )
    assert got.source.path == "tfds:other"
    assert got.training.minutes == 5
    assert got.training.seed == 7
    assert got.generator.augment == ("cutout",)


def test_minutes_take_the_place_of_a_twins_steps():
    assert settings.load("demo", smoke=True, minutes=2).training.steps is None


def test_set_with_an_unknown_key_says_where_it_came_from():
    with pytest.raises(SettingsError, match=re.escape("with --set: unknown key 'training.minute'")):
        settings.load("demo", assignments=["training.minute=5"])
    with pytest.raises(SettingsError, match="write it as key=value"):
        settings.load("demo", assignments=["training.minutes"])


def test_a_path_becomes_absolute_and_other_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert settings.load("demo", data="here").source.path == str(tmp_path / "here")
    for name in ("tfds:captioned_scenes/32px", "gs://bucket/x"):
        assert settings.load("demo", data=name).source.path == name


def test_only_compressed_models_that_are_made_can_be_required():
    asked = ["export.compressed=[int8, float16]", "serving_check.compressed=[float16]"]
    assert settings.load("demo", assignments=asked).serving_check.compressed == ("float16",)
    with pytest.raises(SettingsError, match=r"serving_check.compressed.*export.compressed"):
        settings.load("demo", assignments=["serving_check.compressed=[int8]"])


def test_a_saved_copy_reads_back_to_equal_settings(tmp_path):
    before = settings.load("demo", assignments=["ingest.text_features=[a/b]"])
    settings.save(before, tmp_path / "settings.yaml")
    assert settings.load(str(tmp_path / "settings.yaml")) == before
    assert list(tmp_path.iterdir()) == [tmp_path / "settings.yaml"]


def test_the_experiment_holds_what_the_file_says():
    got = settings.load("demo", assignments=["captioner.beam=5"])
    assert got.experiment().captioner.beam == 5
    assert got.experiment().name == "demo"


def test_merge_goes_into_mappings_and_replaces_the_rest():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    merged = config_files.merge(base, {"a": {"c": [3]}, "d": {"e": 2}})
    assert merged == {"a": {"b": 1, "c": [3]}, "d": {"e": 2}}
    assert yaml.safe_dump(base) == yaml.safe_dump({"a": {"b": 1, "c": [1, 2]}, "d": 1})


def test_the_settings_that_the_docs_show_are_read():
    page = Path(__file__).parents[2] / "docs" / "your-data.md"
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    ingest, source, start, pretrained, retrain = map(yaml.safe_load, blocks)
    # The page calls them the defaults.
    assert IngestOptions.from_mapping(ingest["ingest"]) == IngestOptions()
    assert from_mapping(SourceSettings, source["source"], "page").window == 3
    for shown in (start, pretrained, retrain):
        values = config_files.merge(config_files.load(config_files.find("demo")).values, shown)
        read = from_mapping(settings.Settings, values, "page")
    assert read.training.replay == 0.2 and read.start_of("encoder") == "last"


def test_replay_needs_a_window_of_several_spans():
    with pytest.raises(SettingsError, match=r"training.replay = 0.2 .*source.window is 1"):
        settings.load("demo", assignments=["training.replay=0.2"])
    wide = ["training.replay=0.2", "source.window=2"]
    assert settings.load("demo", data="data/span-{SPAN}", assignments=wide).training.replay == 0.2
