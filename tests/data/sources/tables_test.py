"""The readers of JSONL, CSV and TSV: every line comes out once, as a record or as a reject."""

import csv
import gzip
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.base.errors import DataError
from data.sources.records import to_row
from data.sources.rows import Limits, Policies, Reject, Row
from data.sources.tables import READERS, read_table

fuzz = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=9,
)
NEAR_RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "image": st.just("a.png") | JSON,
        "captions": st.lists(st.text(max_size=9), max_size=3) | JSON,
        "caption": JSON,
        "language": st.sampled_from(["en", "zh-Hans", ""]) | JSON,
        "attributes": st.lists(st.text(max_size=9), max_size=3) | JSON,
        "split": st.sampled_from(["train", "val", "test", "dev"]) | JSON,
    },
)
NO_BREAK = st.binary(max_size=30).filter(lambda line: b"\n" not in line)


def read(tmp_path, ending, content):
    path = tmp_path / f"captions{ending}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(READERS[ending](str(path), path.name))


def rows(found):
    return [
        each if isinstance(each, Reject) else to_row(*each, folder="", limits=Limits())
        for each in found
    ]


@fuzz
@given(lines=st.lists(NO_BREAK | NEAR_RECORDS.map(lambda record: json.dumps(record).encode())))
def test_jsonl_loses_no_line(tmp_path, lines):
    found = rows(read(tmp_path, ".jsonl", b"\n".join(lines)))
    # A byte order mark belongs to the file, not to its first line.
    texts = b"\n".join(lines).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    places = [place for place, line in enumerate(texts, start=1) if line.strip()]
    assert [each.where for each in found] == [f"captions.jsonl:{place}" for place in places]
    assert all(isinstance(each, Row | Reject) for each in found)


@fuzz
@given(lines=st.lists(NO_BREAK | st.text("ab,\"' \t1", max_size=20).map(str.encode)))
@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_tables_lose_no_line(tmp_path, ending, lines):
    separator = "," if ending == ".csv" else "\t"
    header = separator.join(("image", "caption", "attributes")).encode()
    found = rows(read(tmp_path, ending, b"\n".join([header, *lines])))
    starts = [int(each.where.rpartition(":")[2]) for each in found]
    assert starts == sorted(set(starts))
    # Only a quoted line break joins lines: the caption of that row holds the others' text.
    missing = {
        place
        for place, line in enumerate(lines, start=2)
        if line.decode("utf-8", "replace").strip(',;|" \t\x0b\x0c\r\x1c\x1d\x1e\x1f')
    } - set(starts)
    if missing:
        assert ending == ".csv" and any(b'"' in line for line in lines)


@fuzz
@given(
    cells=st.lists(
        st.tuples(
            st.just("a.png"),
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
                str.strip
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
@pytest.mark.parametrize(("ending", "dialect"), [(".csv", "excel"), (".tsv", "excel-tab")])
def test_what_a_spreadsheet_writes_is_read_back(tmp_path, ending, dialect, cells):
    target = io.StringIO()
    csv.writer(target, dialect).writerows([("image", "caption"), *cells])
    found = rows(read(tmp_path, ending, target.getvalue()))
    assert [row.captions for row in found] == [(caption.strip(),) for _, caption in cells]


def test_a_quoted_cell_may_hold_commas_quotes_and_breaks(tmp_path):
    content = 'image,caption\na.png,"one, ""two""\nthree"\nb.png,four\n'
    found = read(tmp_path, ".csv", content)
    assert [place for place, _ in found] == ["captions.csv:2", "captions.csv:4"]
    assert found[0][1]["caption"] == ['one, "two"\nthree']


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path):
    content = "image,caption\n" + 'a.png,"open\n' + "".join(f"{n}.png,fine\n" for n in range(80))
    found = read(tmp_path, ".csv", content)
    assert [each.reason for each in found if isinstance(each, Reject)] == ["malformed_row"]
    assert len(found) == 81


def test_two_stray_quotes_far_apart_do_not_swallow_the_rows_between(tmp_path):
    between = "".join(f"{n}.png,fine\n" for n in range(60))
    found = read(tmp_path, ".csv", f'image,caption\na.png,"open\n{between}b.png,close"\n')
    assert [each.where for each in found if isinstance(each, Reject)] == ["captions.csv:2"]
    assert len(found) == 62


def test_a_comma_too_many_is_a_reject_with_its_line(tmp_path):
    found = read(tmp_path, ".csv", "image,caption\na.png,a dog, and a cat\n")
    assert [(each.where, each.reason) for each in found] == [("captions.csv:2", "malformed_row")]


def test_a_tsv_caption_may_begin_with_a_quotation(tmp_path):
    found = read(tmp_path, ".tsv", 'image\tcaption\na.png\t"Stop" says the sign\n')
    assert found[0][1]["caption"] == ['"Stop" says the sign']


def test_invalid_utf8_in_a_table_is_a_reject(tmp_path):
    (found,) = rows(read(tmp_path, ".csv", b"image,caption\na.png,caf\xe9\n"))
    assert (found.where, found.reason) == ("captions.csv:2", "invalid_utf8")


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text(tmp_path):
    content = b"\xef\xbb\xbfimage,caption\r\na.png,a dog\r\n"
    assert read(tmp_path, ".csv", content)[0][1] == {"image": "a.png", "caption": ["a dog"]}


def test_all_columns(tmp_path):
    header = "image\tcaption1\tcaption2\tcaption3\tcaptions\tlanguage\tattributes\tsplit\n"
    line = 'a.png\tone\t\ttwo\t["three", "four"]\tde\tcolour:red; shape:round\tval\n'
    (row,) = rows(read(tmp_path, ".tsv", header + line))
    assert row.captions == ("one", "two", "three", "four")
    assert row.languages == ("de",) * 4
    assert row.attributes == ("colour:red", "shape:round")
    assert row.split == "val"


def test_attributes_of_a_table_may_be_an_object(tmp_path):
    content = 'image,caption,attributes\na.png,a,"{""baseColour"": ""Red"", ""size"": 3}"\n'
    (row,) = rows(read(tmp_path, ".csv", content))
    assert row.attributes == ("baseColour:Red", "size:3")


@pytest.mark.parametrize("cell", ['{"a"', "[" * 100_000, '["a", {}]'])
def test_damaged_json_in_a_cell_is_a_reject(tmp_path, cell):
    (found,) = rows(read(tmp_path, ".tsv", f"image\tcaption\tattributes\na.png\ta dog\t{cell}\n"))
    assert isinstance(found, Reject) and found.where == "captions.tsv:2"


def test_nesting_without_end_is_a_reject(tmp_path):
    (found,) = read(tmp_path, ".jsonl", "[" * 200_000)
    assert found.reason == "malformed_row"


@pytest.mark.parametrize(
    ("content", "where", "problem"),
    [
        ("", "captions.csv", "empty"),
        ("image,caption,caption\n", "captions.csv:1, column 3", "twice"),
        ("\nimage,language\n", "captions.csv:2", "no caption"),
        ("caption\n", "captions.csv:1", "no image"),
        ('"image,caption\n', "captions.csv:1", "the header is not a CSV row"),
        ("file_name,image,text,text\n", "captions.csv:1, column 4", "'text' stands there twice"),
        ("index;name,title\n", "captions.csv:1", "names no image"),
    ],
)
def test_a_wrong_header_stops_with_its_place(tmp_path, content, where, problem):
    with pytest.raises(DataError, match=problem) as caught:
        read(tmp_path, ".csv", content)
    assert caught.value.where == where
    assert "caption" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "problem", "remedy"),
    [
        ("image,caption\n".encode("utf-16"), "UTF-16", "UTF-8"),
        ("image,caption\n".encode("utf-16-be"), "UTF-16", "UTF-8"),
        ("image,caption\ra.png,a\r", "CR alone", "line ends LF or CR LF"),
    ],
)
def test_a_file_that_is_saved_in_another_way_stops(tmp_path, content, problem, remedy):
    with pytest.raises(DataError, match=problem) as caught:
        read(tmp_path, ".csv", content)
    assert caught.value.where == "captions.csv:1" and remedy in caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        'sep=;\r\nimage;caption\r\n0.png;"a dog, asleep"\r\n',
        "Image\tCaption\n0.png\ta dog, asleep\n",
        "image_name| comment_number| comment\n0.png| 0| a dog, asleep\n",
        '\ufeff"File Name";"Text"\n"0.png";"a dog, asleep"\n',
        '0.png, "a dog, asleep"\n',
        "0.png#3\ta dog, asleep\n",
        '"",filename,sentence\n0,0.png,"a dog, asleep"\n',
        'Unnamed: 0,image_path,prompt,,\n7,0.png,"a dog, asleep",,\n',
        "image,captions,width\n0.png,\"['a dog, asleep']\",\n",
        'image,captions\n0.png,"a dog, asleep",,\n',
        'caption;IMAGE-PATH\n"a dog, asleep";0.png\n;\n  ;\t\n',
    ],
)
def test_delimiter_header_and_columns_are_those_that_people_have(tmp_path, content):
    (row,) = rows(read(tmp_path, ".csv", content))
    assert (row.image, row.captions) == ("0.png", ("a dog, asleep",))


def test_rows_of_separators_only_are_blank_lines(tmp_path):
    content = 'image,caption\n,\na.png,a dog\n , \n"",""\n;;\n' + ",\n" * 40
    assert [each.where for each in rows(read(tmp_path, ".csv", content))] == ["captions.csv:3"]


def test_a_cell_under_no_name_is_not_lost(tmp_path):
    content = "image,caption,,\na.png,a dog, and a cat,\nb.png,a dog,,\n"
    lost, kept = rows(read(tmp_path, ".csv", content))
    assert (lost.where, lost.reason) == ("captions.csv:2", "malformed_row")
    assert kept.captions == ("a dog",)


def test_further_columns_are_read_over_and_unknown_ones_are_a_policy(tmp_path):
    content = (
        "file_name,text,width,height,source_id,colour\na.png,a dog,6,4,s0,red\nb.png,a,6,4,,\n"
    )
    found = read(tmp_path, ".csv", content)
    reject, plain = rows(found)
    assert (reject.where, reject.reason) == ("captions.csv:2", "unknown_key")
    assert "'colour'" in reject.detail
    assert "--set ingest.policies.unknown_key=keep" in reject.remedy
    assert plain.captions == ("a",) and not plain.dropped
    kept = to_row(*found[0], folder="", limits=Limits(), policies=Policies(unknown_key="keep"))
    assert kept.captions == ("a dog",) and "key ignored" in kept.mended


@pytest.mark.parametrize(
    "swallowed",
    [
        'a.png,"open\nb.png,fine\nc.png,close"\nd.png,fine\n',
        'a.png,"open\nsub/b.JPG,fine\nc.png,close"\nd.png,fine\n',
    ],
)
def test_a_quote_that_swallows_rows_is_named_and_costs_one(tmp_path, swallowed):
    found = rows(read(tmp_path, ".csv", f"image,caption\n{swallowed}"))
    assert [each.where for each in found] == [f"captions.csv:{line}" for line in (2, 3, 4, 5)]
    assert [each.reason for each in found if isinstance(each, Reject)] == ["malformed_row"]
    assert "quotation mark" in found[0].detail


def test_compressed_tables_are_unpacked_and_cut_ones_named(tmp_path):
    packed = gzip.compress(b"image,caption\na.png,a dog\n" * 1)
    path = tmp_path / "captions.csv.gz"
    path.write_bytes(packed)
    assert [record["image"] for _, record in read_table(str(path), path.name)] == ["a.png"]
    path.write_bytes(packed[:-12])
    with pytest.raises(OSError, match="cut short or damaged"):
        list(read_table(str(path), path.name))


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_columns_may_have_the_names_of_hugging_face(tmp_path, ending):
    content = {
        ".csv": "file_name,text,split\na.png,a dog,val\n",
        ".jsonl": '{"file_name": "a.png", "text": "a dog", "split": "val"}\n',
    }
    (row,) = rows(read(tmp_path, ending, content[ending]))
    assert (row.image, row.captions, row.split) == ("a.png", ("a dog",), "val")


def test_columns_by_language_with_empty_cells_and_lists(tmp_path):
    header = "image,caption,caption_en,caption_id"
    content = f"{header}\n1.png,a,\"['b', 'c']\",7\n2.png,,d,seekor anjing\n"
    first, second = rows(read(tmp_path, ".csv", content))
    assert (first.captions, first.languages) == (("a", "b", "c"), ("en", "en", "en"))
    assert (second.captions, second.languages) == (("d", "seekor anjing"), ("en", "id"))


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("1.jpg#zhb#0 两个人", "1.jpg"),
        ("1.jpg a dog, it runs", "1.jpg"),
        ("COCO_val2014_7#zh0\ta dog", "COCO_val2014_7"),
        ("1000092795#zhm#3 a dog", "1000092795"),
        ("1.jpg#4\ta dog", "1.jpg"),
    ],
)
def test_tables_without_header_number_captions_in_many_ways(tmp_path, line, image):
    found = rows(read(tmp_path, ".txt", f"{line}\n{line}\n"))
    assert [row.image for row in found] == [image] * 2


def test_with_a_header_a_number_sign_may_be_part_of_a_name(tmp_path):
    (row,) = rows(read(tmp_path, ".csv", "image,caption\nC#4,a note\n"))
    assert row.image == "C#4"
