"""What a share of a capture's packets has to mend, as its tshark did not print the packet before."""

from typing import Any

import pytest

from espcap.dissection import Record
from espcap.dissection.share import _mend_displayed_delta


@pytest.mark.parametrize(
    ("frame", "wanted"),
    [
        (
            {"time": "t", "time_delta": 0.5, "time_delta_displayed": 1.5, "len": 60},
            {"time": "t", "time_delta": 0.5, "time_delta_displayed": 0.5, "len": 60},
        ),
        (
            {"time": "t", "time_delta": 0.5, "len": 60},
            {"time": "t", "time_delta": 0.5, "time_delta_displayed": 0.5, "len": 60},
        ),
        ({"time": "t", "len": 60}, {"time": "t", "len": 60}),
    ],
)
def test_the_time_since_the_packet_before(frame: dict[str, Any], wanted: dict[str, Any]) -> None:
    record = Record("1.000000000", {"frame": frame}, ["frame"])
    _mend_displayed_delta(record)
    assert list(record.layers["frame"].items()) == list(wanted.items())


def test_a_damaged_time_since_the_packet_before() -> None:
    damaged: Any = {"frame": {"time_delta": "(1500000000 nanoseconds)"}}
    record = Record("1.000000000", {"frame": {"time_delta_displayed": 0.0, "len": 60}}, ["frame"], damaged)
    _mend_displayed_delta(record)
    assert record.layers == {"frame": {"len": 60}}
    assert record.unparsed["frame"] == {
        "time_delta": "(1500000000 nanoseconds)",
        "time_delta_displayed": "(1500000000 nanoseconds)",
    }
