"""Batches of columns as the native reader prints them; these are made here by the description in native/columns.h."""

import struct
from collections.abc import Iterable

import pytest

from espcap.base.errors import EspcapError
from espcap.dissection.columns import VERSION, ColumnReader, RawBatch
from espcap.fields.field import Kind

NUMBERS, TEXTS = 0, 3
"""Forms of columns."""
INTEGER, STRING = 0, 7
"""Kinds of columns."""


def padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 8)


def numbers(*values: int, code: str = "I") -> bytes:
    return padded(struct.pack(f"<{len(values)}{code}", *values))


def texts(*values: bytes) -> bytes:
    ends = [len(b"".join(values[: count + 1])) for count in range(len(values))]
    return numbers(*ends) + padded(b"".join(values))


def column(identifier: int, name: bytes, rows: list[int] | None, values: list[int]) -> bytes:
    head = struct.pack("<5I4B", identifier, len(values), 0, 0, len(name), NUMBERS, INTEGER, rows is not None, 0)
    return padded(head) + padded(name) + (numbers(*rows) if rows is not None else b"") + numbers(*values, code="q")


def text_column(identifier: int, name: bytes, values: list[int], words: list[bytes]) -> bytes:
    size = len(b"".join(words))
    head = struct.pack("<5I4B", identifier, len(values), len(words), size, len(name), TEXTS, STRING, 0, 0)
    return padded(head) + padded(name) + numbers(*values) + texts(*words)


def batch(  # noqa: PLR0913 - most have defaults
    rows: int,
    shape: list[int],
    columns: Iterable[bytes],
    lines: bytes = b"",
    *,
    messages: bytes = b"",
    version: int = VERSION,
) -> bytes:
    context, columns, shape_bytes = b"{}", [*columns], struct.pack(f"<{len(shape)}I", *shape)
    content = numbers(*[0] * rows) * 2 + texts(context) + texts(shape_bytes) + padded(lines)
    content += padded(messages) + b"".join(columns)
    counts = (rows, 1, len(context), 1, len(shape_bytes), len(lines), len(columns), version, len(messages), 0)
    return struct.pack("<Q10I", len(content), *counts) + content


FIRST = batch(
    2, [5, 9], [column(5, b"ip\0ttl", None, [64, -1]), text_column(9, b"\0info", [1, 0], [b"b", "ä".encode()])]
)
SECOND = batch(1, [5], [column(5, b"", [0, 0], [7, 8])], b"a line\nanother\n")
"""The name of a column is only in the first batch with it."""


def read(*blocks: bytes) -> list[RawBatch | None]:
    return [*ColumnReader().batches(blocks)]


def test_the_parts_of_a_batch() -> None:
    [found] = read(FIRST)
    assert found
    assert (found.length, found.contexts, found.context_codes.tolist(), found.lines) == (2, [b"{}"], [0, 0], [])
    assert found.shapes == [[("ip", "ttl"), ("", "info")]]
    ttl, info = found.columns
    assert (ttl.name, ttl.kind, ttl.rows, ttl.values.tolist()) == (("ip", "ttl"), Kind.INTEGER, None, [64, -1])
    assert (info.name, info.kind, info.values.tolist()) == (("", "info"), Kind.STRING, [1, 0])
    assert info.texts
    assert info.texts.decode() == ["b", "ä"]


def test_messages_have_a_line_for_each_packet() -> None:
    [found] = read(batch(1, [5], [column(5, b"ip\0ttl", None, [64])], b"line\n", messages=b"[1]\n[2]\n"))
    assert found
    assert (found.lines, found.messages) == ([b"line"], [b"[1]", b"[2]"])


def test_names_come_once() -> None:
    _, second = read(FIRST + SECOND)
    assert second
    [ttl] = second.columns
    assert ttl.rows is not None
    assert (ttl.name, ttl.rows.tolist(), ttl.values.tolist()) == (("ip", "ttl"), [0, 0], [7, 8])
    assert second.lines == [b"a line", b"another"]


@pytest.mark.parametrize("size", [1, 7, 50, len(FIRST), 1000])
def test_blocks_of_any_size(size: int) -> None:
    whole = FIRST + SECOND
    found = read(*(whole[start : start + size] for start in range(0, len(whole), size)))
    assert [each and each.length for each in found] == [2, 1]


def test_time_passes_between_blocks() -> None:
    assert [each and each.length for each in read(FIRST[:30], b"", FIRST[30:])] == [None, 2]


def test_an_unfinished_batch_is_dropped() -> None:
    assert [each and each.length for each in read(FIRST, SECOND[:-8])] == [2]


def test_a_damaged_batch() -> None:
    """It promises more values than it has."""
    short = struct.pack("<Q", len(FIRST) - 48 - 8) + FIRST[8:-8]
    with pytest.raises(EspcapError, match="output is damaged"):
        read(short)


def test_another_version() -> None:
    with pytest.raises(EspcapError, match="prints columns of version 1"):
        read(batch(1, [5], [column(5, b"ip\0ttl", None, [64])], version=1))
