"""Columns of one file, as they are read."""

from typing import Any

import numpy as np

from espcap.stores.local.segment import Segment, Values, merged, open_segment, read_table
from tests.stores.local.conftest import Write
from tests.support.documents import CAPTURE, make


def pairs(values: Values | None) -> list[tuple[int, Any]]:
    """Packets and values."""
    assert values is not None
    found = values.values.tolist()
    if values.words is not None:
        found = [values.words[code].as_py() for code in found]
    return sorted(zip(values.row_numbers().tolist(), found, strict=True))


def test_values(write: Write) -> None:
    """Of packets without a value, with one, and with several."""
    segment = write(
        make(1), make(2, tcp={"srcport": 80}), make(3, tcp={"srcport": [1, 2]}), make(4, tcp={"srcport": 0})
    )
    found = segment.values("layers.tcp.srcport")
    assert found is not None
    assert pairs(found) == [(1, 80), (2, 1), (2, 2), (3, 0)]
    assert found.has_several
    assert found.mask(found.values > 1, 4).tolist() == [False, True, True, False]


def test_texts(write: Write) -> None:
    segment = write(make(1, http={"request_uri": "a"}), make(2), make(3, http={"request_uri": ["", "a"]}))
    assert pairs(segment.values("layers.http.request_uri")) == [(0, "a"), (2, ""), (2, "a")]


def test_a_path_without_values(write: Write) -> None:
    segment = write(make(1))
    assert segment.values("layers.http.request_uri") is None
    assert "layers.http.request_uri" not in segment.others()[0]
    assert "layers.http.request_uri" not in segment.paths


def test_values_that_follow_from_others(write: Write) -> None:
    segment = write(make(1), make(7))
    assert pairs(segment.values("layers.frame.number")) == [(0, 1), (1, 7)]
    assert pairs(segment.values("sniff_date_utc")) == [
        (0, "2015-07-30T01:00:12+0000"),
        (1, "2015-07-30T07:00:12+0000"),
    ]


def test_other_values(write: Write) -> None:
    segment = write(make(1), make(2, tcp={"srcport": "text"}))
    assert segment.others()[1]["layers.tcp.srcport"] == "text"
    assert segment.values("layers.tcp.srcport") is None


def test_better_values_replace_those_of_their_packets() -> None:
    first = Values(np.array([0, 1, 2]), np.array([10, 11, 12]))
    better = Values(np.array([1, 1, 5]), np.array([20, 21, 25]), has_several=True)
    assert pairs(merged(first, better)) == [(0, 10), (1, 20), (1, 21), (2, 12), (5, 25)]


def test_entry(write: Write, tmp_path: Any) -> None:
    """What the manifest says of a file."""
    segment = write(make(2), make(1), make(5), make(9, capture="another"))
    entry = segment.entry
    times = segment.values("@timestamp")
    assert times is not None
    assert (entry.packets, entry.bytes) == (4, (tmp_path / entry.name).stat().st_size)
    assert (entry.first, entry.last) == (times.values.min(), times.values.max())
    assert {each.capture: (each.count, each.runs) for each in entry.frames} == {
        CAPTURE: (3, ((1, 2), (5, 5))),
        "another": (1, ((9, 9),)),
    }


def test_whole_files_and_some_columns(write: Write, tmp_path: Any) -> None:
    segment = write(make(1), make(2))
    assert read_table(tmp_path, segment.entry.name).num_rows == 2
    assert read_table(tmp_path, segment.entry.name, ["frame", "none"]).to_pydict() == {"frame": [1, 2]}


def test_open_files_are_kept(write: Write, tmp_path: Any) -> None:
    segment: Segment = write(make(1))
    assert open_segment(tmp_path, segment.entry) is open_segment(tmp_path, segment.entry)
