"""Generated pictures beside the training pictures nearest to them."""

import base64

from components.run_report.facts import SHOWN, copy_facts
from components.run_report.views import distance_chart

RECORD = {
    "threshold": 0.3,
    "generated": [
        {"caption": "a cat", "png": f"samples/own-{i}.png", "training_id": "t", "distance": 2.0,
         "training_caption": "one cat", "training_png": "samples/theirs.png", "ratio": 0.1 * i}
        for i in range(SHOWN + 3)
    ],
    "held_out": [],
    "generated_distances": [0.0, 5.0, 20.0],
    "held_out_distances": [4.0, 10.0, 30.0],
}  # fmt: skip


def test_pairs_are_read_with_their_pictures(tmp_path):
    (tmp_path / "samples").mkdir()
    for i in range(SHOWN + 3):
        (tmp_path / "samples" / f"own-{i}.png").write_bytes(b"own %d" % i)
    (tmp_path / "samples" / "theirs.png").write_bytes(b"theirs")
    facts = copy_facts(str(tmp_path), RECORD)
    assert len(facts.generated) == SHOWN
    assert base64.b64decode(facts.generated[2].picture) == b"own 2"
    assert base64.b64decode(facts.generated[2].training_picture) == b"theirs"
    assert facts.generated[2].training_caption == "one cat"
    assert facts.held_out == ()
    chart = distance_chart(facts)
    assert "distance, grey levels" in chart
    assert chart.count("<polyline") == 2
    assert "generated from 0 to 20; test pictures from 4 to 30" in chart
