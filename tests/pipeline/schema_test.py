"""`tuwen schema diff`: what data change in a reviewed schema, and the proposal that takes them."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.transform import SCHEMA_FILE, read_schema
from data.base.errors import DataError
from pipeline import cli
from pipeline.commands.schema import propose

REVIEWED = """# What we agreed on.
feature {
  name: "split"
  type: BYTES
  presence { min_fraction: 1.0 min_count: 1 }
  domain: "split"
}
string_domain {
  name: "split"
  value: "train"
}
"""


def statistics(*values):
    made = statistics_pb2.DatasetFeatureStatisticsList()
    data = made.datasets.add(num_examples=len(values))
    feature = data.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    feature.path.step.append("split")
    stats = feature.string_stats
    stats.common_stats.num_non_missing = stats.common_stats.tot_num_values = len(values)
    stats.common_stats.min_num_values = stats.common_stats.max_num_values = 1
    stats.unique = len(set(values))
    for value in dict.fromkeys(values):
        stats.top_values.add(value=value, frequency=values.count(value))
        stats.rank_histogram.buckets.add(label=value, sample_count=values.count(value))
    return made.SerializeToString()


def test_data_that_fit_change_nothing():
    assert propose(REVIEWED, {"train": statistics("train", "train")}) == (REVIEWED, [])


def test_new_values_are_named_and_proposed():
    text, reasons = propose(
        REVIEWED, {"train": statistics("train"), "val": statistics("val", "dev")}
    )
    assert len(reasons) == 1 and reasons[0].startswith("split of val: ") and "dev" in reasons[0]
    proposed = text_format.Parse(text, schema_pb2.Schema())
    assert set(proposed.string_domain[0].value) == {"train", "val", "dev"}
    assert text.startswith("# What we agreed on.\n")
    assert propose(text, {"val": statistics("val", "dev")})[1] == []


@pytest.fixture
def work(tmp_path):
    for execution, values in ((3, ("odd",)), (12, ("train", "dev"))):
        folder = tmp_path / f"run/pipeline_root/StatisticsGen/statistics/{execution}/Split-train"
        folder.mkdir(parents=True)
        (folder / "FeatureStats.pb").write_bytes(statistics(*values))
    (tmp_path / "schema.pbtxt").write_text(REVIEWED)
    (tmp_path / "run/settings.yaml").write_text(f"schema: {tmp_path}/schema.pbtxt\n")
    return tmp_path / "run"


def test_the_command_shows_the_newest_data_and_writes_a_proposal(work, capsys):
    assert cli.main(["schema", "diff", str(work)]) == 1
    shown = capsys.readouterr().out
    proposal = work / "schema.proposed.pbtxt"
    assert '+  value: "dev"' in shown and str(proposal) in shown and "odd" not in shown
    assert cli.main(["schema", "diff", str(work), "--schema", str(proposal)]) == 0
    assert "change nothing" in capsys.readouterr().out


def test_no_statistics_and_no_schema_are_told(work, tmp_path, capsys):
    assert cli.main(["schema", "diff", str(tmp_path / "empty")]) == cli.USAGE
    assert "no statistics of data" in capsys.readouterr().err
    assert cli.main(["schema", "diff", str(work), "--schema", "gone.pbtxt"]) == cli.USAGE
    assert "gone.pbtxt: no such schema" in capsys.readouterr().err


def test_the_curated_schema_is_the_default(work, capsys):
    (work / "settings.yaml").write_text("schema: curated\n")
    assert cli.main(["schema", "diff", str(work)]) == 1
    assert SCHEMA_FILE in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"feature {\n  name: 'x'\n  nonsense: 3\n}", ":3"),
        (b"feature {", ":1"),
        (b"\xff\xfe", ""),
        (b"string_domain {" * 20_000, ""),
    ],
)
def test_a_damaged_schema_is_told_with_its_line(tmp_path, content, place):
    path = tmp_path / "mine.pbtxt"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_schema(path)
    assert caught.value.where.startswith(f"{path}{place}") and "\n" not in str(caught.value)
    assert read_schema(Path(SCHEMA_FILE)).feature
