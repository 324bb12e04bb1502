"""The table of trials: order and files."""

from trainer.trials import FINISHED, Trial, best_of, ranked, read_table, write_table


def trial(number, figure, direction="min"):
    status = FINISHED if figure is not None else "failed"
    return Trial(number, {"a.b": 0.1}, "kid", direction, figure, status=status, reason="图")


def test_the_best_comes_first_and_failed_ones_last():
    for direction, order in (("min", [3, 4, 1, 2]), ("max", [1, 3, 4, 2])):
        rows = [trial(1, 0.5, direction), trial(2, None, direction)]
        rows += [trial(3, -0.1, direction), trial(4, -0.1, direction)]
        assert [row.trial for row in ranked(rows)] == order
        assert best_of(rows).trial == order[0]


def test_without_a_finished_trial_there_is_no_best():
    assert best_of([trial(1, None)]) is None and best_of([]) is None


def test_a_table_reads_back(tmp_path):
    rows = [trial(1, 0.5), trial(2, None)]
    write_table(rows, tmp_path / "t.jsonl")
    text = (tmp_path / "t.jsonl").read_text(encoding="utf-8")
    assert read_table(text) == rows and len(text.splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["t.jsonl"]
