"""The compiled graph: which nodes there are, what waits for what, and what each is given."""

import json
from pathlib import Path

import pytest
from tfx.dsl.compiler.compiler import Compiler

from pipeline import settings as settings_file
from pipeline.errors import UsageError
from pipeline.graph import create_nodes, create_pipeline
from pipeline.resolvers import InStore
from pipeline.work_dir import WorkDir
from trainer.config import STAGES, Experiment
from trainer.settings_loader import from_mapping
from trainer.tuning_settings import Knob, TuningSettings

ONCE = (
    "CaptionExampleGen",
    "StatisticsGen",
    "ExampleValidator",
    "DataGate",
    "Transform",
    "CrossModalEvaluator",
    "RunReport",
)
JUDGE = "Trainer.judge"
THRICE = ("Trainer", "LastBlessed", "ServingCheck", "Pusher")


def compiled(tmp_path, *assignments, fingerprint="f", **options):
    """Returns the nodes of a compiled pipeline by id."""
    settings = settings_file.load("demo", assignments=assignments)
    graph = create_pipeline(
        settings, WorkDir(tmp_path / "w"), data_fingerprint=fingerprint, **options
    )
    return {node.pipeline_node.node_info.id: node.pipeline_node for node in graph_nodes(graph)}


def graph_nodes(graph):
    return Compiler().compile(graph).nodes


def upstream(nodes, name):
    """Returns the ids of everything that has to run before `name`."""
    found, open_ends = set(), [name]
    while open_ends:
        for before in nodes[open_ends.pop()].upstream_nodes:
            if before not in found:
                found.add(before)
                open_ends.append(before)
    return found


def parameter(nodes, name, key):
    return nodes[name].parameters.parameters[key].field_value.string_value


def custom_config(nodes, stage):
    return json.loads(parameter(nodes, f"Trainer.{stage}", "custom_config"))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("graph"))


def test_every_node_of_the_design_is_there(nodes):
    wanted = {
        *ONCE,
        "ImportSchemaGen",
        "LastBlessed.data",
        *(f"{kind}.{stage}" for kind in THRICE for stage in STAGES),
    }
    assert set(nodes) == wanted


def test_nothing_is_prepared_before_the_gate_has_let_the_data_pass(nodes):
    assert "DataGate" in nodes["Transform"].upstream_nodes
    assert {"ExampleValidator", "CaptionExampleGen"} <= upstream(nodes, "DataGate")


def test_captioner_and_generator_start_from_the_encoder_and_are_independent(nodes):
    assert "Trainer.encoder" in nodes["Trainer.captioner"].upstream_nodes
    assert "Trainer.encoder" in nodes["Trainer.generator"].upstream_nodes
    assert "Trainer.captioner" not in upstream(nodes, "Trainer.generator")
    assert "Trainer.generator" not in upstream(nodes, "Trainer.captioner")


@pytest.mark.parametrize("stage", STAGES)
def test_a_push_waits_for_judgement_and_serving_check(nodes, stage):
    before = set(nodes[f"Pusher.{stage}"].upstream_nodes)
    assert before == {"CrossModalEvaluator", f"ServingCheck.{stage}", f"Trainer.{stage}"}


def test_the_report_comes_last(nodes):
    assert upstream(nodes, "RunReport") == set(nodes) - {"RunReport"}


@pytest.mark.parametrize("stage", STAGES)
def test_the_last_blessed_model_is_sought_among_those_of_its_own_trainer(nodes, stage):
    inputs = nodes[f"LastBlessed.{stage}"].inputs.inputs
    sought = {
        (query.name.field_value.string_value, channel.output_key)
        for spec in inputs.values()
        for channel in spec.channels
        for query in channel.context_queries
        if query.type.name == "node"
    }
    assert sought == {
        (f"demo.Trainer.{stage}", ""),
        (f"demo.Trainer.{stage}", "model"),
        ("demo.CrossModalEvaluator", f"{stage}_blessing"),
    }


@pytest.mark.parametrize("stage", STAGES)
def test_a_trainer_is_given_its_stage_and_readable_settings(nodes, stage):
    config = custom_config(nodes, stage)
    assert config["stage"] == stage
    experiment = from_mapping(Experiment, json.loads(config["experiment"]), "custom_config")
    assert experiment.name == "demo"
    assert Path(config["resume_dir"]).parent.name == "training"
    assert Path(config["resume_dir"]).name.startswith(f"{stage}-")


def test_another_generator_setting_leaves_the_other_trainings_as_they_are(nodes, tmp_path_factory):
    root = Path(custom_config(nodes, "encoder")["resume_dir"]).parents[2]
    changed = compiled(root, "generator.width=5")
    same = {stage: custom_config(changed, stage) == custom_config(nodes, stage) for stage in STAGES}
    assert same == {"encoder": True, "captioner": True, "generator": False}


def test_other_data_and_other_settings_are_trained_elsewhere(tmp_path):
    places = {
        custom_config(compiled(tmp_path, *changes, fingerprint=data), "encoder")["resume_dir"]
        for changes, data in (((), "f"), ((), "g"), (("encoder.width=5",), "f"))
    }
    assert len(places) == 3


def test_another_export_goes_on_from_the_same_training(nodes, tmp_path_factory):
    changed = ("export.compressed=[int8]", "serving_check.compressed=[int8]")
    other = compiled(tmp_path_factory.mktemp("export"), *changed)
    for stage in STAGES:
        before, after = custom_config(nodes, stage), custom_config(other, stage)
        assert Path(before["resume_dir"]).name == Path(after["resume_dir"]).name
        assert json.loads(after["experiment"])["export"]["compressed"] == ["int8"]
        needed = "[]" if stage == "encoder" else '["int8"]'
        assert parameter(other, f"ServingCheck.{stage}", "compressed") == needed


def test_paths_are_absolute_whatever_the_work_directory_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graph = create_pipeline(
        settings_file.load("demo"), WorkDir(Path("runs/x")), data_fingerprint="f"
    )
    assert graph.pipeline_info.pipeline_root == str(tmp_path / "runs/x/pipeline_root")


def test_a_schema_is_inferred_when_asked(tmp_path):
    nodes = compiled(tmp_path, "schema=inferred")
    assert "SchemaGen" in nodes
    assert "ImportSchemaGen" not in nodes


def test_a_schema_of_ones_own_is_imported(tmp_path):
    own = tmp_path / "own.pbtxt"
    own.touch()
    nodes = compiled(tmp_path, f"schema={own}")
    assert parameter(nodes, "ImportSchemaGen", "schema_file") == str(own)


@pytest.mark.parametrize("cached", [True, False])
def test_caching_and_a_forced_blessing_reach_the_nodes(tmp_path, cached):
    nodes = compiled(tmp_path, enable_cache=cached, force_bless="a reason")
    options = nodes["Transform"].execution_options.caching_options
    assert options.enable_cache is cached
    assert parameter(nodes, "CrossModalEvaluator", "force_bless") == "a reason"


def splits(nodes, name, key):
    return json.loads(parameter(nodes, name, key))["splits"]


def judged(tmp_path, **changes):
    """Returns the nodes of a graph with a judge of the generator's own."""
    value = ", ".join(f"{key}: {value}" for key, value in changes.items())
    return compiled(tmp_path, f"evaluation.judge={{{value}}}")


def test_a_judge_learns_from_what_the_generator_does_not_see(tmp_path):
    graph = judged(tmp_path, learns_from="val", minutes=0.5, seed=3)
    assert splits(graph, JUDGE, "train_args") == ["val"]
    assert splits(graph, JUDGE, "eval_args") == ["train"]
    assert splits(graph, "Trainer.generator", "train_args") == ["train"]
    config = json.loads(parameter(graph, JUDGE, "custom_config"))
    assert config["stage"] == "encoder"
    experiment, own = (
        from_mapping(Experiment, json.loads(custom["experiment"]), "custom_config")
        for custom in (config, custom_config(graph, "encoder"))
    )
    assert experiment.encoder == own.encoder and experiment.data == own.data
    assert experiment.training.seed == own.training.seed + 3
    assert experiment.training.minutes * experiment.training.shares["encoder"] == 0.5
    assert config["resume_dir"] != custom_config(graph, "encoder")["resume_dir"]


def test_a_judge_of_fixed_steps_looks_by_steps_and_not_by_the_clock(tmp_path):
    def training(*assignments):
        graph = compiled(tmp_path, "evaluation.judge={}", *assignments)
        return json.loads(custom_config(graph, "judge")["experiment"])["training"]

    assert training("training.steps=6")["check_steps"] == 1
    assert training("training.steps=600")["check_steps"] == 120
    assert training("training.steps=null")["check_steps"] is None


def test_a_judge_waits_for_the_data_alone_and_no_model_is_trained_from_it(tmp_path):
    graph = judged(tmp_path, learns_from="train")
    assert splits(graph, JUDGE, "train_args") == ["train"]
    assert set(graph[JUDGE].upstream_nodes) == {"Transform"}
    followers = {name for name in graph if JUDGE in graph[name].upstream_nodes}
    assert followers == {"CrossModalEvaluator"}
    (found,) = graph["CrossModalEvaluator"].inputs.inputs["judge"].channels
    assert (found.producer_node_query.id, found.output_key) == (JUDGE, "model")


def test_a_judge_is_not_trained_again_for_what_is_served_otherwise(tmp_path):
    judge = "evaluation.judge={}"
    plain, other = (
        json.loads(parameter(compiled(tmp_path, judge, *assignments), JUDGE, "custom_config"))
        for assignments in ((), ("export.chunk=2", "export.compressed=[int8]"))
    )
    assert plain == other


def test_without_a_judge_the_evaluator_is_given_none(tmp_path):
    graph = compiled(tmp_path, "evaluation.judge=null")
    assert JUDGE not in graph
    assert "judge" not in graph["CrossModalEvaluator"].inputs.inputs


def test_features_of_real_pictures_are_kept_in_the_work_directory(tmp_path):
    settings = json.loads(parameter(compiled(tmp_path), "CrossModalEvaluator", "settings"))
    assert settings["cache_dir"] == str(tmp_path / "w" / "features")
    own = compiled(tmp_path, f"evaluation.cache_dir={tmp_path}/own")
    settings = json.loads(parameter(own, "CrossModalEvaluator", "settings"))
    assert settings["cache_dir"] == f"{tmp_path}/own"


def tuned(tmp_path, stage):
    """Returns the nodes of a graph that searches settings of `stage`."""
    space = f"{{{stage}.learning_rate: {{min: 0.001, max: 0.01}}}}"
    return compiled(tmp_path, f"tuning.stage={stage}", f"tuning.space={space}")


@pytest.mark.parametrize("stage", STAGES)
def test_a_tuner_stands_before_its_stage_and_after_the_encoder(tmp_path, nodes, stage):
    graph = tuned(tmp_path, stage)
    assert set(graph) == {*nodes, "Tuner"}
    start = {"Transform"} if stage == "encoder" else {"Transform", "Trainer.encoder"}
    assert set(graph["Tuner"].upstream_nodes) == start
    for name in STAGES:
        inputs = graph[f"Trainer.{name}"].inputs.inputs
        assert ("hyperparameters" in inputs) is (name == stage)
    (found,) = graph[f"Trainer.{stage}"].inputs.inputs["hyperparameters"].channels
    assert found.producer_node_query.id == "Tuner"
    assert found.output_key == "best_hyperparameters"
    assert "Tuner" in graph["RunReport"].upstream_nodes


def test_a_tuner_is_given_its_space_and_the_settings_of_its_stage(tmp_path):
    graph = tuned(tmp_path, "generator")
    config = json.loads(parameter(graph, "Tuner", "custom_config"))
    assert config["experiment"] == custom_config(graph, "generator")["experiment"]
    tuning = from_mapping(TuningSettings, json.loads(config["tuning"]), "custom_config")
    assert tuning.space == {"generator.learning_rate": Knob(0.001, 0.01)}
    assert config["resume_dir"] != custom_config(graph, "generator")["resume_dir"]
    module, _, function = parameter(graph, "Tuner", "tuner_fn").rpartition(".")
    assert (module, function) == ("trainer.tuner_fn", "tuner_fn")


@pytest.mark.parametrize(
    ("stage", "moved"), [("encoder", set(STAGES)), ("generator", {"generator"})]
)
def test_what_a_search_decides_about_is_trained_elsewhere(tmp_path, stage, moved):
    plain, searched = compiled(tmp_path), tuned(tmp_path, stage)
    places = {
        name
        for name in STAGES
        if custom_config(plain, name)["resume_dir"] != custom_config(searched, name)["resume_dir"]
    }
    assert places == moved


def test_trainings_are_given_the_models_that_they_start_from(tmp_path, nodes, pushed):
    assert all("start_dir" not in custom_config(nodes, stage) for stage in STAGES)
    graph = compiled(tmp_path, f"start_from={{all: {pushed}, captioner: null}}")
    found = {stage: custom_config(graph, stage) for stage in STAGES}
    assert "start_dir" not in found["captioner"]
    for stage in ("encoder", "generator"):
        assert found[stage]["start_dir"] == str(pushed / stage / "1")
        plain = Path(custom_config(nodes, stage)["resume_dir"]).name
        assert Path(found[stage]["resume_dir"]).name != plain


def test_earlier_data_reach_the_evaluator_where_a_threshold_asks_for_them(tmp_path, nodes):
    assert not [name for name in nodes["CrossModalEvaluator"].inputs.inputs if "earlier" in name]
    asked = "thresholds.cider_d*={model: captioner, max_forgetting_share: 0.05}"
    graph = compiled(tmp_path, asked, "evaluation.judge.minutes=1")
    inputs = graph["CrossModalEvaluator"].inputs.inputs
    found = {
        name: (channel.producer_node_query.id, channel.output_key)
        for name, given in inputs.items()
        if name.startswith("earlier")
        for channel in given.channels
    }
    assert found == {
        **{f"earlier_{one}": (f"LastBlessed.{one}_data", "examples") for one in STAGES},
        "earlier_judge": ("LastBlessed.generator_data", "judge"),
    }
    for stage in STAGES:
        asked_for = graph[f"LastBlessed.{stage}_data"].inputs.inputs
        others = [f"{one}_blessing" for one in STAGES if one != stage]
        assert f"{stage}_blessing" in asked_for and not asked_for.keys() & set(others)


def test_without_a_judge_none_is_looked_up(tmp_path):
    asked = "thresholds.cider_d*={model: captioner, max_forgetting_share: 0.05}"
    graph = compiled(tmp_path, asked)
    assert "earlier_judge" not in graph["CrossModalEvaluator"].inputs.inputs
    assert "judge" not in graph["LastBlessed.generator_data"].inputs.inputs


def test_a_cluster_that_cannot_look_earlier_pictures_up_says_so(tmp_path):
    asked = "thresholds.cider_d*={model: captioner, max_forgetting_share: 0.05}"
    settings, work = settings_file.load("demo", assignments=[asked]), WorkDir(tmp_path)
    with pytest.raises(UsageError, match="max_forgetting and max_forgetting_share need the pic"):
        create_nodes(settings, work, "f", last=InStore(work))
