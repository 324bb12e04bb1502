"""`tuwen evaluate` where a run has not pushed all its models."""

from pipeline.commands.evaluate import _models
from tests.pipeline.run_dirs import finish, start


def test_a_refused_model_is_left_out_with_what_became_of_it(tmp_path, capsys):
    work = finish(start(tmp_path / "run"), refused=["captioner"])
    assert list(_models(str(work.root))) == ["encoder", "generator"]
    assert "refused its captioner" in capsys.readouterr().out.splitlines()[0]
