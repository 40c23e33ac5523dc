"""Documents of many packets at once, as columns, from batches that are made here value by value."""

from typing import Any

import numpy as np

from espcap.base.arrays import Array
from espcap.base.times import DAY, SECOND
from espcap.dissection.columns import ColumnName, RawBatch, RawColumn
from espcap.documents.columns import Column, ColumnBuilder, PacketColumns, texts_of
from espcap.documents.packets import DocumentBuilder, Origin
from espcap.fields.field import Kind
from espcap.fields.protocols import read_list

CONTEXT = b'{"layers":{},"tree":"frame:ip"}'
ADDRESSES = ("192.0.2.1", "192.0.2.2")
DAYS = [1, 0, 2, 0, 1]
"""The day of each packet."""


def batch(days: list[int]) -> RawBatch:
    """Packets of these days, one a second; each has as many addresses as its row number, and the second has a host."""
    rows = np.arange(len(days))
    times = np.array([day * DAY + row * SECOND for row, day in enumerate(days)], "i8")
    several = np.repeat(rows, rows).astype("u4")
    columns = [
        RawColumn(ColumnName("", "@timestamp"), Kind.TIME, None, times, None),
        RawColumn(ColumnName("frame", "number"), Kind.INTEGER, None, 11 + rows, None),
        RawColumn(ColumnName("frame", "len"), Kind.INTEGER, None, 60 + rows, None),
        RawColumn(ColumnName("ip", "addr"), Kind.IP, several, several % 2, texts_of(ADDRESSES)),
        RawColumn(ColumnName("ip", "host"), Kind.STRING, np.array([1], "u4"), np.array([0], "u4"), texts_of(["h"])),
    ]
    zeros = np.zeros(len(days), "u4")
    return RawBatch(len(days), zeros, [CONTEXT], zeros, [[ColumnName("ip", "addr")]], columns, [])


def built(days: list[int]) -> list[PacketColumns]:
    return [*ColumnBuilder(DocumentBuilder(Origin("0123"), read_list())).build(batch(days))]


def values(packets: PacketColumns, path: str) -> dict[int, list[Any]]:
    """The values of a path by frame number."""
    found: dict[int, list[Any]] = {}
    for column in packets.columns:
        if column.path == path:
            rows = range(len(packets.frames)) if column.rows is None else column.rows.tolist()
            for row, value in zip(rows, decoded(column), strict=True):
                found.setdefault(int(packets.frames[row]), []).append(value)
    return found


def decoded(column: Column) -> list[Any]:
    numbers: list[int] = column.values.tolist()
    texts = column.texts.decode() if column.texts else None
    return [texts[number] for number in numbers] if texts else numbers


def test_one_day() -> None:
    [packets] = built([0, 0, 0])
    assert (packets.index, packets.capture_id, packets.frames.tolist()) == ("packets-1970-01-01", "0123", [11, 12, 13])
    assert values(packets, "layers.frame.len") == {11: [60], 12: [61], 13: [62]}
    assert values(packets, "network.bytes") == values(packets, "layers.frame.len")
    assert values(packets, "layers.ip.addr") == {12: [ADDRESSES[1]], 13: [ADDRESSES[0]] * 2}


def test_each_day_has_its_packets() -> None:
    """Also if their times are not in order."""
    days = built(DAYS)
    assert [day.index for day in days] == [f"packets-1970-01-0{number}" for number in (1, 2, 3)]
    assert [day.frames.tolist() for day in days] == [[12, 14], [11, 15], [13]]
    assert [(day.nanoseconds // DAY).tolist() for day in days] == [[0, 0], [1, 1], [2]]
    assert [values(day, "layers.frame.len") for day in days] == [{12: [61], 14: [63]}, {11: [60], 15: [64]}, {13: [62]}]
    assert values(days[0], "layers.ip.addr") == {12: [ADDRESSES[1]], 14: [ADDRESSES[1]] * 3}
    assert values(days[1], "layers.ip.addr") == {15: [ADDRESSES[0]] * 4}


def test_a_day_has_no_column_without_values() -> None:
    assert [any(column.path == "layers.ip.host" for column in day.columns) for day in built(DAYS)] == [
        True,
        False,
        False,
    ]


def test_some_packets() -> None:
    wanted: Array = np.array([False, True, True])
    packets = built([0, 0, 0])[0].only(wanted)
    assert packets.frames.tolist() == [12, 13]
    assert values(packets, "layers.ip.addr") == {12: [ADDRESSES[1]], 13: [ADDRESSES[0]] * 2}
    assert values(packets, "layers.ip.host") == {12: ["h"]}
    without = built([0, 0, 0])[0].only(~wanted)
    assert values(without, "layers.ip.host") == {}
