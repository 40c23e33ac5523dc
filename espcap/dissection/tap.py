"""Reads the output of espcap's plugin for tshark: for each packet a line with several JSON texts.

The longest of them, the layers, is passed on without being parsed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from espcap.dissection import Layers, Record
from espcap.tshark.output import whole_lines

_REMEMBERED_CONTEXTS = 10_000
_LONGEST_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class _Context:
    """The attributes that all records with the same context share; see `Record`."""

    layers: Layers
    tree: list[str]
    inner: list[str]
    community_id: str
    protocol_column: str
    payload_fields: list[str]


class TapReader:
    """Makes records from the lines of the plugin; native/espcap_tap.c describes them."""

    def __init__(self) -> None:
        self._contexts: dict[bytes, _Context] = {}
        self.bad_utf8 = 0
        """Number of packets with text that is not UTF-8; U+FFFD replaces the wrong bytes."""

    def records(self, blocks: Iterable[bytes]) -> Iterator[Record | None]:
        """Yields a record for each whole line, and None for each IDLE block. Drops an unfinished last line."""
        for lines in whole_lines(blocks):
            if lines is None:
                yield None
                continue
            for line in lines:
                yield self.record(line)

    def record(self, line: bytes) -> Record:
        """Returns the record of a line."""
        packet, info, context, layers, *messages = line.split(b"\t", 4)
        number, length, epoch, left_out, is_bad_utf8, unparsed = orjson.loads(packet)
        self.bad_utf8 += is_bad_utf8
        shared = self._contexts.get(context) or self._read(context)
        # assigning attributes takes half the time of keyword arguments
        record = Record(
            epoch,
            shared.layers,
            shared.tree,
            unparsed=unparsed,
            inner=shared.inner,
            payload_fields=shared.payload_fields,
        )
        record.community_id = shared.community_id
        record.layers_json = layers
        record.left_out = left_out
        record.number = number
        record.length = length
        record.context = context
        record.info = info
        record.protocol_column = shared.protocol_column
        if messages:
            record.messages = orjson.loads(messages[0])
        return record

    def _read(self, context: bytes) -> _Context:
        shared = _context(orjson.loads(context))
        if len(context) <= _LONGEST_REMEMBERED:
            if len(self._contexts) >= _REMEMBERED_CONTEXTS:
                self._contexts.clear()
            self._contexts[context] = shared
        return shared


def _context(parsed: dict[str, Any]) -> _Context:
    inner = parsed.get("inner")
    return _Context(
        layers=parsed["layers"],
        tree=parsed["tree"].split(":"),
        inner=inner.split(":") if inner else [],
        community_id=parsed.get("community_id", ""),
        protocol_column=parsed.get("protocol_column", ""),
        payload_fields=parsed.get("payload_fields", []),
    )
