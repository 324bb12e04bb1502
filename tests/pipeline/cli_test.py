"""The command line: what it parses, what it imports, and what it says when something is missing."""

import errno
import io
import json
import os
import pwd
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from pipeline import cli, config_files
from pipeline.commands import COMMANDS

HEAVY = ("tensorflow", "tfx", "numpy", "yaml", "PIL", "apache_beam", "keras", "ml_metadata")


@pytest.fixture(autouse=True)
def empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def told(capsys, *arguments):
    """Returns the exit status and what stood on standard error."""
    status = cli.main(list(arguments))
    return status, capsys.readouterr().err


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys\nfrom pipeline import cli\n"
        f"try:\n    cli.main([*{command!r}, '--help'])\nexcept SystemExit as end:\n"
        "    assert end.code == 0\n"
        f"print('LOADED', sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "LOADED []" in done.stdout
    assert "usage: tuwen" in done.stdout


def test_every_command_has_a_module_with_run():
    for name in COMMANDS:
        module = Path(cli.command_module(name).__file__)
        assert "\ndef run(arguments: argparse.Namespace) -> int:" in module.read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_the_help_parse(name):
    for example in cli.command_module(name).EXAMPLES:
        words = shlex.split(example, comments=True)
        assert words[0] == "tuwen"
        assert cli.parser().parse_args(words[1:]).command == name


@pytest.mark.parametrize("name", config_files.names())
def test_the_commands_in_the_configs_parse(name):
    header = config_files.load(config_files.find(name)).header
    for heading in ("Command", "Smoke"):
        arguments = cli.parser().parse_args(shlex.split(header[heading])[1:])
        assert arguments.config == name
        assert arguments.smoke is (heading == "Smoke")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples_and_defaults(name, capsys):
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    shown = capsys.readouterr().out
    assert f"examples:\n  tuwen {name}" in shown
    assert "(default: )" not in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nothing"], "no config 'nothing'"),
        (["run", "fashion64"], "add --data PATH"),
        (["run", "demo", "--set", "a=1"], "unknown key 'a'"),
        (["generate", "a cat"], "no pushed generator under runs"),
        (["generate", " "], "empty text"),
        (["generate", "a cat", "--model", "gone"], "gone: no such directory"),
        (["generate", "a", "b", "-o", "x.png"], "one file, but 2 pictures"),
        (["caption", "gone.png"], "gone.png"),
        (["report"], "no run under runs"),
        (["report", "gone"], "gone: no such work directory"),
        (["evaluate", "demo"], "no pushed encoder under runs"),
        (["compare", "gone", "also"], "gone: no such directory"),
        (["compare", ".", "."], "this is no finished run"),
    ],
)
def test_a_wrong_command_is_told_in_one_message(capsys, arguments, words):
    status, message = told(capsys, *arguments)
    assert status == cli.USAGE
    assert message.startswith("tuwen: ")
    assert words in message
    assert "Traceback" not in message


def test_missing_data_is_named(capsys):
    status, message = told(capsys, "run", "demo", "--data", "gone/folder")
    assert status == cli.FAILURE
    assert re.search(r"gone/folder: there is no such file or folder", message)


def test_missing_data_is_a_finding_of_check_data(capsys):
    assert cli.main(["check-data", "gone/folder"]) == cli.FAILURE
    assert "STOPS  gone/folder: there is no such file or folder" in capsys.readouterr().out


def test_check_data_reads_and_judges_as_a_config_says(capsys, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "0.png")
    (tmp_path / "captions.jsonl").write_text('{"image": "0.png", "captions": ["a"], "x": 1}')
    command = ["check-data", str(tmp_path), "--config", "fashion64"]
    assert cli.main(command) == cli.FAILURE
    assert "1 unknown_key" in capsys.readouterr().out
    kept = ["--set", "ingest.policies.unknown_key=keep", "--set", "gate.min_pictures=0"]
    kept += ["--set", "gate.max_caption_share=1"]
    assert cli.main([*command, *kept]) == 0
    assert "key ignored 1" in capsys.readouterr().out


def test_check_data_takes_settings_without_a_config(capsys, tmp_path):
    for place in range(30):
        Image.new("RGB", (9, 9), (8 * place, 0, 0)).save(tmp_path / f"{place}.png")
        (tmp_path / f"{place}.txt").write_text(f"picture {place}")
    command = ["check-data", str(tmp_path)]
    assert cli.main(command) == cli.FAILURE
    remedy = "--set ingest.resplit=true --set 'ingest.shares=[0.46,0.27,0.27]'"
    assert remedy in " ".join(capsys.readouterr().out.split())
    assert cli.main([*command, *shlex.split(remedy)]) == 0
    assert "30 (train 14, val 8, test 8)" in capsys.readouterr().out
    assert cli.main([*command, "--set", "gate.min_pictures=3"]) == 0
    status, message = told(capsys, *command, "--set", "ingest.min_splits=3")
    assert status == cli.USAGE and "did you mean" in message.lower()


def test_check_data_counts_files_and_names_what_is_not_read(capsys, tmp_path):
    folder, elsewhere = tmp_path / "set", tmp_path / "elsewhere"
    for place in (folder, elsewhere):
        place.mkdir()
        Image.new("RGB", (9, 9)).save(place / "0.png")
        (place / "0.txt").write_text("a square")
    (folder / "b").symlink_to(elsewhere)
    (folder / "c.psd").touch()
    cli.main(["check-data", str(folder), "-o", str(tmp_path / "page")])
    said = " ".join(capsys.readouterr().out.split())
    assert "4 seen: read 2, rejected 0, linked folder 1, other ending 1" in said
    held = json.loads((tmp_path / "page/check.json").read_text())
    assert sum(held["files"].values()) == 4
    found = {one["check"]: one for one in held["findings"]}
    assert found["linked_folder"]["rows"] == [f"b -> {elsewhere}"]
    assert "1 pictures" in found["linked_folder"]["what"]
    assert found["unread_files"]["rows"] == ["c.psd"]
    assert "4 seen" in (tmp_path / "page/index.html").read_text()


def test_check_data_needs_a_model_where_one_is_named(capsys, tmp_path):
    status, message = told(capsys, "check-data", "x", "--model", str(tmp_path))
    assert status == cli.USAGE
    assert "holds no model" in message


@pytest.mark.parametrize("option", [["--minutes", "0"], ["--minutes", "x"], ["--minutes", "inf"]])
def test_wrong_numbers_are_refused(option, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["run", "demo", *option])
    assert end.value.code == cli.USAGE
    assert "--minutes" in capsys.readouterr().err


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_blessing_by_force_needs_a_reason(reason, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["run", "demo", "--force-bless", reason])
    assert end.value.code == cli.USAGE
    assert "an empty reason blesses nothing" in capsys.readouterr().err


def test_the_reason_is_kept_on_one_line():
    arguments = cli.parser().parse_args(["run", "demo", "--force-bless", " for  the\nboard "])
    assert arguments.force_bless == "for the board"
    assert cli.parser().parse_args(["run", "demo"]).force_bless is None


def test_debug_shows_the_trace(capsys):
    _, message = told(capsys, "run", "nothing", "--debug")
    assert "Traceback" in message
    assert "SettingsError" in message


def test_caption_refuses_what_is_no_picture(capsys):
    Path("text.png").write_text("not a picture")
    status, message = told(capsys, "caption", "text.png")
    assert status == cli.USAGE
    assert "text.png" in message


def test_caption_reads_pictures_before_it_looks_for_a_model(capsys):
    Image.new("RGB", (8, 8)).save("fine.png")
    assert "no pushed captioner" in told(capsys, "caption", "fine.png")[1]


def test_a_fault_in_the_program_is_owned_up_to(capsys, monkeypatch):
    monkeypatch.setattr("pipeline.commands.configs.run", lambda _: 1 / 0)
    status, message = told(capsys, "configs")
    assert status == cli.FAILURE
    assert "ZeroDivisionError" in message
    assert "--debug" in message


def test_a_full_disk_is_no_fault_of_the_program(capsys, monkeypatch):
    """`/dev/full` has no space for anybody."""
    import tensorflow as tf

    def by_python():
        with open("/dev/full", "w") as file:
            file.write("x")

    def by_tensorflow():
        with tf.io.gfile.GFile("/dev/full", "w") as file:
            file.write("x")

    for write in (by_python, by_tensorflow):
        monkeypatch.setattr("pipeline.commands.configs.run", lambda _, write=write: write())
        status, message = told(capsys, "configs")
        assert status == cli.FAILURE
        assert "no space" in message and "fault of tuwen" not in message
    assert "/dev/full" in message


def test_a_terminal_of_another_encoding_gets_what_it_can_show(monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    monkeypatch.setattr("pipeline.commands.configs.run", _says)
    assert cli.main(["configs"]) == 0
    sys.stdout.flush()
    assert out.getvalue() == b"a ??\n"


def _says(arguments):
    print("a 圆形")
    return 0


def test_interrupting_is_no_error_message(capsys, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.commands.configs.run", interrupt)
    status, message = told(capsys, "configs")
    assert status == cli.INTERRUPTED
    assert "goes on from here" in message


def test_configs_lists_all(capsys):
    assert cli.main(["configs"]) == 0
    shown = capsys.readouterr().out
    assert all(f"tuwen run {name}" in shown for name in config_files.names())


COMMAND = [sys.executable, "-m", "pipeline.cli"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["run", "--foo"],
        ["run", "demo", "more"],
        ["run", "--work", ""],
        ["run", "--minutes", "1e300"],
        ["train", "--stage", "all"],
        ["train", "--steps", "9" * 30],
        ["train", "--folds", "1"],
        ["generate"],
        ["generate", "a", "--n", "two"],
        ["generate", "a", "--seed", "1.5"],
        ["generate", "\udcff"],
        ["caption"],
        ["serve", "--port", "x"],
        ["rollback", "all"],
        ["watch", "--every", "0"],
        ["demo-ui", "--port", "65536"],
        ["evaluate", "-o", ""],
        ["compare", "one"],
        ["compile", "--workers", "9" * 5000],
        ["dry-run"],
        ["schema", "same"],
        ["check-data", "x", "--span", "-1"],
        ["report", "--work", "x"],
        ["configs", "demo"],
    ],
)
def test_nonsense_is_told_in_one_line_with_the_way_to_the_help(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    printed = capsys.readouterr()
    assert end.value.code == cli.USAGE and printed.out == ""
    assert printed.err.startswith("tuwen") and printed.err.count("\n") == 1
    assert "--help')" in printed.err and len(printed.err) < 400
    assert " value: " not in printed.err


def test_the_text_of_another_locale_is_read_as_what_was_typed(monkeypatch):
    asked = cli.parser().parse_args(["generate", "红".encode().decode("ascii", "surrogateescape")])
    assert asked.text == ["红"]


@pytest.mark.parametrize("arguments", [["configs"], ["--help"], ["run", "--help"]])
def test_standard_output_on_a_full_disk_is_an_error_of_the_command(arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=ENVIRONMENT,
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert done.returncode == cli.FAILURE
    assert b"no space is left" in done.stderr and done.stderr.count(b"\n") == 1


def test_a_reader_who_leaves_ends_the_command_without_a_word():
    with subprocess.Popen(
        [*COMMAND, "configs"], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams_give_their_numbers_to_no_file(closed, tmp_path):
    """What native code writes to standard error would go into it."""
    code = (
        f"import os\nfor number in {closed!r}: os.close(number)\n"
        "import sys\nfrom pipeline import cli\nstatus = cli.main(['configs'])\n"
        f"number = os.open({str(tmp_path / 'file')!r}, os.O_CREAT | os.O_WRONLY)\n"
        "os._exit(0 if status == 0 and number > 2 else 1)"
    )
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_ends_the_command_lets_it_put_things_in_order(
    number, status, monkeypatch, capsys
):
    ended = []

    def run(arguments):
        try:
            signal.raise_signal(number)
        finally:
            ended.append(arguments.command)
        return 0

    monkeypatch.setattr("pipeline.commands.configs.run", run)
    # Under nohup a process is born with SIGHUP ignored.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        said = told(capsys, "configs")
        after = signal.getsignal(number)
    finally:
        signal.signal(number, before)
    assert said == (status, "Interrupted. The same command goes on from here.\n")
    assert ended == ["configs"] and after == signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_so(monkeypatch, capsys):
    def run(arguments):
        signal.raise_signal(signal.SIGHUP)
        return 0

    monkeypatch.setattr("pipeline.commands.configs.run", run)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert told(capsys, "configs") == (0, "")
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libx.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        RuntimeError("OOM when allocating tensor with shape[9,9]"),
    ],
)
def test_a_lack_of_memory_is_no_fault_of_the_program(error, capsys, monkeypatch):
    def run(arguments):
        raise error

    monkeypatch.setattr("pipeline.commands.configs.run", run)
    status, message = told(capsys, "configs")
    assert status == cli.FAILURE and "ulimit -v" in message and "fault of tuwen" not in message


@pytest.mark.parametrize(
    "reason", ["Permission denied", "Read-only file system", "File name too long"]
)
def test_an_error_of_tensorflow_about_a_file_is_told_as_pythons_is(reason, capsys, monkeypatch):
    def run(arguments):
        raise RuntimeError(f"/data/a b/x.index; {reason} [Op:SaveV2]")

    monkeypatch.setattr("pipeline.commands.configs.run", run)
    assert told(capsys, "configs") == (cli.FAILURE, f"tuwen: /data/a b/x.index: {reason}\n")


def test_a_user_without_home_and_name_has_a_folder(monkeypatch):
    def nobody(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pipeline.commands.configs.run", lambda arguments: 0)
    assert cli.main(["configs"]) == 0
    assert Path(os.environ["HOME"]).is_dir()
