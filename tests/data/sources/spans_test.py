"""Path patterns with spans and versions."""

import pytest

from data.base.errors import DataError
from data.sources.spans import Resolved, resolve, resolve_window


@pytest.fixture
def base(tmp_path):
    for name in ("span-1/v1", "span-2/v1", "span-2/v10", "span-2/v9", "span-10/v2", "span-x/v1"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "span-10/v2/captions.jsonl").touch()
    return str(tmp_path)


def test_the_newest_span_and_its_newest_version(base):
    assert resolve(f"{base}/span-{{SPAN}}") == Resolved(f"{base}/span-10", 10, None)
    pattern = f"{base}/span-{{SPAN}}/v{{VERSION}}"
    assert resolve(pattern) == Resolved(f"{base}/span-10/v2", 10, 2)
    assert resolve(pattern, span=2) == Resolved(f"{base}/span-2/v10", 2, 10)
    assert resolve(pattern, version=1) == Resolved(f"{base}/span-2/v1", 2, 1)
    assert resolve(pattern, 2, 9) == Resolved(f"{base}/span-2/v9", 2, 9)


def test_what_follows_the_placeholders_is_kept(base):
    pattern = f"{base}/span-{{SPAN}}/v{{VERSION}}/captions*.jsonl"
    assert resolve(pattern).path == f"{base}/span-10/v2/captions*.jsonl"


@pytest.mark.parametrize("name", ["/data/plain", "tfds:captioned_scenes/32px"])
def test_a_name_without_placeholders_is_itself(name):
    assert resolve(name) == Resolved(name, None, None)


def test_a_window_needs_spans():
    with pytest.raises(DataError, match="a window of spans was asked for"):
        resolve_window("/data/plain", 2)


def test_other_parts_of_the_path_are_literal(tmp_path):
    (tmp_path / "a[b]" / "7").mkdir(parents=True)
    assert resolve(f"{tmp_path}/a[b]/{{SPAN}}").span == 7


@pytest.mark.parametrize(
    ("tail", "wanted", "problem"),
    [
        ("/none-{SPAN}", {}, "nothing fits the pattern"),
        ("/span-{SPAN}", {"span": 5}, "nothing fits span 5 .*span-10"),
        ("/span-{SPAN}/v{VERSION}", {"span": 1, "version": 2}, "nothing fits span 1 version 2"),
        ("/v{VERSION}", {}, "without {SPAN}"),
        ("/{SPAN}/{SPAN}", {}, "twice"),
        ("/plain", {"span": 1}, "a span was asked for"),
        ("/span-{SPAN}", {"version": 1}, "a version was asked for"),
    ],
)
def test_what_cannot_be_resolved_is_said_with_a_remedy(base, tail, wanted, problem):
    with pytest.raises(DataError, match=problem) as caught:
        resolve(base + tail, **wanted)
    assert caught.value.where == base + tail and caught.value.remedy
