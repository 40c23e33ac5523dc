"""The recorded kinds of paths: one type for each column, also with another Wireshark."""

import stat
from pathlib import Path

import numpy as np
import orjson

from espcap.documents.columns import Column, texts_of
from espcap.fields.field import Kind
from espcap.stores.local.kinds import RecordedKinds
from espcap.stores.local.layout import MOST_PATHS

INTEGERS = Column("layers.a.b", Kind.INTEGER, None, np.array([7, 8], "i8"))
TEXTS = Column("layers.a.b", Kind.STRING, np.array([1, 1], "u4"), np.array([0, 1], "u4"), texts_of(["x", "y"]))
TIMES = Column("layers.a.t", Kind.TIME, np.array([0], "u4"), np.array([10**18 + 1], "i8"))


def kinds(folder: Path, kind: Kind) -> RecordedKinds:
    found = RecordedKinds(folder, lambda path: kind)
    found.load()
    return found


def test_the_recorded_kind_stays(tmp_path: Path) -> None:
    first = kinds(tmp_path, Kind.INTEGER)
    assert first.kind("layers.a.b") is Kind.INTEGER
    first.save()
    second = kinds(tmp_path, Kind.STRING)
    assert (second.kind("layers.a.b"), second.kind("layers.a.c")) == (Kind.INTEGER, Kind.STRING)
    assert kinds(tmp_path, Kind.FLOAT).kind("layers.a.c") is Kind.FLOAT
    assert stat.S_IMODE((tmp_path / "kinds.json").stat().st_mode) == 0o600


def test_the_frame_number_is_an_integer(tmp_path: Path) -> None:
    assert kinds(tmp_path, Kind.STRING).kind("frame") is Kind.INTEGER


def test_values_of_another_type_are_in_others(tmp_path: Path) -> None:
    recorded = kinds(tmp_path, Kind.INTEGER)
    assert recorded.fitted([INTEGERS], 2) == [INTEGERS]
    [others] = recorded.fitted([TEXTS, TIMES], 2)
    assert others.rows is not None
    assert others.texts is not None
    found = [orjson.loads(others.texts.decode()[code]) for code in others.values]
    assert (others.path, others.rows.tolist()) == ("others", [0, 1])
    assert found == [{"layers.a.t": "2001-09-09T01:46:40.000000001Z"}, {"layers.a.b": ["x", "y"]}]


def test_kinds_of_the_same_type_share_a_column(tmp_path: Path) -> None:
    """Bytes and texts are both strings."""
    assert kinds(tmp_path, Kind.BYTES).fitted([TEXTS], 2) == [TEXTS]


def test_rare_paths_are_in_others_if_there_are_too_many(tmp_path: Path) -> None:
    """All values are there, and paths outside `layers` have columns whatever the number of others."""
    numbers = np.arange(3, dtype="u4")
    common = [Column(f"layers.a.c{each}", Kind.INTEGER, None, np.arange(3)) for each in range(MOST_PATHS - 2)]
    rare = [Column(f"layers.a.r{each}", Kind.INTEGER, numbers[each : each + 1], np.array([each])) for each in range(3)]
    outside = Column("espcap.left_out", Kind.INTEGER, numbers[:1], np.array([9]))
    found = kinds(tmp_path, Kind.INTEGER).fitted([outside, *rare, *common], 3)
    assert [column.path for column in found] == [outside.path, *(column.path for column in common), "others"]
    assert len(found) == MOST_PATHS
    texts = found[-1].texts
    assert texts
    assert [orjson.loads(text) for text in texts.decode()] == [{f"layers.a.r{each}": each} for each in range(3)]
