"""What the gate makes of anomalies, of examples, and of findings."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.data_gate import validation
from components.data_gate.decision import Decision
from components.data_gate.facts import gather
from data.base.errors import DataError
from data.checking.findings import Finding
from data.schema import CaptionedImage


def _anomalies(kind, severity=anomalies_pb2.AnomalyInfo.ERROR):
    made = anomalies_pb2.Anomalies()
    info = made.anomaly_info["caption/text"]
    info.severity, info.description = severity, "It is odd."
    info.reason.add().type = kind
    return made


@pytest.mark.parametrize(
    ("kind", "severity", "stops", "remedy"),
    [
        ("SCHEMA_MISSING_COLUMN", "ERROR", True, "Give every picture"),
        ("INT_TYPE_BIG_INT", "ERROR", True, "Correct the data"),
        ("INT_TYPE_BIG_INT", "WARNING", False, "Correct the data"),
        ("SCHEMA_NEW_COLUMN", "ERROR", False, "Leave the feature out"),
    ],
)
def test_anomalies_by_severity_and_kind(kind, severity, stops, remedy):
    info = anomalies_pb2.AnomalyInfo
    made = _anomalies(info.Type.Value(kind), info.Severity.Value(severity))
    (found,) = validation.anomaly_findings("val", made)
    assert (found.stops, found.what) == (stops, "caption/text of val: It is odd.")
    assert found.remedy.startswith(remedy)


def test_gather_sees_copies_and_broken_pictures():
    noise = np.random.RandomState(0).randint(0, 256, (40, 40, 3), np.uint8)

    def encode(kind, **options):
        buffer = io.BytesIO()
        Image.fromarray(noise).resize((64, 64)).save(buffer, kind, **options)
        return buffer.getvalue()

    files = [encode("PNG"), encode("PNG", compress_level=1), b"broken", encode("PNG")]
    pictures = [
        CaptionedImage(str(n), file, 64, 64, 3, ("x",), ("en",), (), "train")
        for n, file in enumerate(files)
    ]
    facts = gather(pictures)
    assert [one.image_id for one in facts] == ["0", "1", "2", "3"]
    assert facts[0].content == facts[3].content != facts[1].content
    assert facts[0].look == facts[1].look == facts[3].look
    assert facts[2].look == b""


def test_decision_names_every_reason_to_stop():
    warning = Finding("w", False, "little", "Mind it.")
    stop = Finding("s", True, "bad", "Mend it.")
    decision = Decision.of([warning, stop, stop], {"n": 1})
    assert [one.stops for one in decision.findings] == [True, True, False]
    assert json.loads(decision.to_json())["verdict"] == "stop"
    with pytest.raises(DataError, match=r"2 reason(?s:.*)a/b\.json(?s:.*)s: bad\. Mend it\."):
        decision.raise_if_stopped("a/b.json")
    assert Decision.of([warning], {}).passed
    Decision.of([warning], {}).raise_if_stopped("a/b.json")
