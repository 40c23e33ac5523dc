"""Messages of packets, from which flows and transactions are made.

A message is the part of a packet's tree that belongs to one protocol. native/messages.h describes the form of
`PacketMessages`, which both readers make: `[number, time, length, [message, ...]]`, in which each message is
`[layer, position, size, name, depth, value, name, depth, value, ...]`. `layer` and `name` are indices of the wanted
names.
"""

from collections.abc import Callable, Sequence
from typing import Any

from espcap.base.times import parse_epoch
from espcap.dissection import Record
from espcap.fields.casts import Value
from espcap.fields.field import PRESENCE, Field, Kind
from espcap.fields.registry import Registry

PacketMessages = list[Any]
"""The messages of a packet. `position`, `size` and the value of a field without a value are None if unknown."""

COMMUNITY_IDS = ("communityid", "communityid.hash")
"""Names of the Community ID, up to Wireshark 4.4 and from 4.6 on."""

MOST_VALUES = 20_000
LONGEST_VALUE = 64 << 10
"""The most values of a packet, and the most bytes of a value. The native reader has the same limits."""

_LAYER_INDENT = 8
_INDENT = 2
_REMEMBERED_LINES = 20_000
_LONGEST_REMEMBERED = 200
_OTHER_LAYER = -1

_Line = tuple[int, int, Value | None]
"""Index of the name, depth (0: a layer begins), and value of a line."""


class MessageLines:
    """Finds the messages of a packet in the lines that `tshark -T json` prints of it."""

    def __init__(self, names: Sequence[str], registry: Registry, typed: Callable[[Field, str], Value | None]) -> None:
        """`names` are the names of the wanted protocols and fields.

        `typed` returns the value of a field from the text that tshark prints; None if the text does not fit its type.
        """
        self._names = {name: index for index, name in enumerate(names)}
        self._registry = registry
        self._typed = typed
        self._lines: dict[str, _Line | None] = {}

    def read(self, packet: str, record: Record) -> PacketMessages:
        """Returns the messages of a packet."""
        found: list[list[Any]] = []
        message: list[Any] | None = None
        values = 0
        for text in packet.split("\n"):
            line = self._line(text)
            if line is None:
                continue
            index, depth, value = line
            if depth == 0:
                message = None
                if index != _OTHER_LAYER:
                    message = [index, None, None]
                    found.append(message)
                    if value is not None:
                        message += (index, 1, value)
                        message = None
            elif message is not None and values < MOST_VALUES:
                message += line
                values += 1
        return [record.frame_number, parse_epoch(record.epoch), record.frame_length, found]

    def _line(self, text: str) -> _Line | None:
        try:
            return self._lines[text]
        except KeyError:
            line = self._read_line(text)
        if len(text) <= _LONGEST_REMEMBERED:
            if len(self._lines) >= _REMEMBERED_LINES:
                self._lines.clear()
            self._lines[text] = line
        return line

    def _read_line(self, text: str) -> _Line | None:
        start = text.find('"')
        end = text.find('": ', start)
        if end < 0:
            return None
        name, shown = text[start + 1 : end], text[end + 3 :].removesuffix(",")
        depth = (start - _LAYER_INDENT) // _INDENT
        index = self._names.get(name, _OTHER_LAYER)
        if depth == 0:
            return self._layer(name, index, shown)
        field = self._registry.field(name) if index != _OTHER_LAYER else None
        if field is None:
            return None
        if field.base == PRESENCE:
            return index, depth, None
        value = self._typed(field, shown)
        return None if value is None or _is_too_long(field, value) else (index, depth, value)

    def _layer(self, name: str, index: int, shown: str) -> _Line:
        """Returns the line of a node at the top of the tree, which ends the layer before it."""
        is_value = name in COMMUNITY_IDS and index != _OTHER_LAYER and shown.startswith('"')
        return index, 0, shown.strip('"') if is_value else None


def _is_too_long(field: Field, value: Value) -> bool:
    if not isinstance(value, str):
        return False
    size = (len(value) + 1) // 3 if field.kind is Kind.BYTES else len(value.encode("utf-8", "replace"))
    return size > LONGEST_VALUE
