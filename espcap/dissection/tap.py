"""Reads the output of espcap's plugin for tshark: for each packet a line with several JSON texts.

The longest of them, the layers, is passed on without being parsed.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from espcap.dissection import Record, Terms
from espcap.tshark.output import whole_lines

_REMEMBERED_CONTEXTS = 10_000
_LONGEST_REMEMBERED = 2000


class TapReader:
    """Makes records from the lines of the plugin; native/espcap_tap.c describes them."""

    def __init__(self) -> None:
        self._contexts: dict[bytes, dict[str, Any]] = {}
        self.bad_utf8 = 0
        """Number of packets with text that is not UTF-8; U+FFFD replaces the wrong bytes."""

    def records(self, blocks: Iterable[bytes]) -> Iterator[Record | None]:
        """Yields a record for each whole line, and None for each IDLE block. Drops an unfinished last line."""
        for lines in whole_lines(blocks):
            if lines is None:
                yield None
                continue
            for line in lines:
                yield self._record(line)

    def _record(self, line: bytes) -> Record:
        packet, info, context, rest = line.split(b"\t", 3)
        layers, _, rest = rest.partition(b"\t")  # on a long text `partition` is faster than `split`
        number, length, epoch, left_out, is_bad_utf8, unparsed = orjson.loads(packet)
        self.bad_utf8 += is_bad_utf8
        known = self._contexts.get(context) or self._read(context)
        community_id = known.get("community_id", "")
        return Record(
            epoch,
            known["layers"],
            known["tree"],
            unparsed,
            community_id,
            layers,
            _terms(rest) if rest else None,
            left_out,
            known["inner"],
            number,
            length,
            context,
            info,
            known.get("protocol_column", ""),
            known.get("payload_fields", []),
        )

    def _read(self, context: bytes) -> dict[str, Any]:
        known: dict[str, Any] = orjson.loads(context)
        known["tree"] = known["tree"].split(":")
        known["inner"] = known["inner"].split(":") if known.get("inner") else []
        if len(context) <= _LONGEST_REMEMBERED:
            if len(self._contexts) >= _REMEMBERED_CONTEXTS:
                self._contexts.clear()
            self._contexts[context] = known
        return known


def _terms(rest: bytes) -> Terms:
    numbers, _, rest = rest.partition(b"\t")
    texts, _, unsearchable = rest.partition(b"\t")
    return Terms(numbers, texts, () if unsearchable == b"[]" else orjson.loads(unsearchable))
