"""The reader of what our plugin prints: for each packet a line of JSON texts; the longest stay text."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from espcap.dissection import Record, Terms
from espcap.tshark.output import whole_lines

_REMEMBERED_CONTEXTS = 10_000
_LONGEST_REMEMBERED = 2000


class TapReader:
    """Reads the lines of the native reader's plugin; see native/espcap_tap.c for what they hold."""

    def __init__(self) -> None:
        self._contexts: dict[bytes, dict[str, Any]] = {}
        self.bad_utf8 = 0
        """Packets with text that was no UTF-8; the bytes became U+FFFD."""

    def records(self, blocks: Iterable[bytes]) -> Iterator[Record | None]:
        """A record for each whole packet, None for each IDLE. What follows the last whole packet is dropped."""
        for lines in whole_lines(blocks):
            if lines is None:
                yield None
                continue
            for line in lines:
                yield self._record(line)

    def _record(self, line: bytes) -> Record:
        packet, context, layers, terms = _parts(line)
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
            terms,
            left_out,
            known["inner"],
            number,
            length,
            context,
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


def _parts(line: bytes) -> tuple[bytes, bytes, bytes, Terms | None]:
    """What stands between the tabs. They are looked for one by one: `split` is slower with such long texts."""
    context = line.index(b"\t") + 1
    layers = line.index(b"\t", context) + 1
    numbers = line.find(b"\t", layers) + 1
    end = numbers - 1 if numbers else None
    terms = _terms(line, numbers) if numbers else None
    return line[: context - 1], line[context : layers - 1], line[layers:end], terms


def _terms(line: bytes, numbers: int) -> Terms:
    texts = line.index(b"\t", numbers) + 1
    unsearchable = line.index(b"\t", texts) + 1
    paths = line[unsearchable:]
    return Terms(
        line[numbers : texts - 1], line[texts : unsearchable - 1], () if paths == b"[]" else orjson.loads(paths)
    )
