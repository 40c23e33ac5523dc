"""The reader of what our plugin prints: for each packet a line with two JSON objects; the larger stays text."""

from collections.abc import Iterable, Iterator

import orjson

from espcap.dissection import Record
from espcap.tshark.output import IDLE


class TapReader:
    """Reads the lines of the native reader's plugin; see native/espcap_tap.c for what they hold."""

    def __init__(self) -> None:
        self.bad_utf8 = 0
        """Packets with text that was no UTF-8; the bytes became U+FFFD."""

    def records(self, blocks: Iterable[bytes]) -> Iterator[Record | None]:
        """A record for each whole packet, None for each IDLE. What follows the last whole packet is dropped."""
        rest: list[bytes] = []
        for block in blocks:
            if block == IDLE:
                yield None
                continue
            if b"\n" not in block:
                rest.append(block)
                continue
            *lines, last = b"".join([*rest, block]).split(b"\n")
            rest = [last]
            for line in lines:
                yield self._record(line)

    def _record(self, line: bytes) -> Record:
        text, _, layers = line.partition(b"\t")
        head = orjson.loads(text)
        if "bad_utf8" in head:
            self.bad_utf8 += 1
        return Record(
            head.get("epoch", ""),
            head["layers"],
            head["tree"].split(":"),
            head.get("unparsed", {}),
            head.get("community_id", ""),
            layers,
            head.get("left_out", 0),
            head["inner"].split(":") if "inner" in head else [],
        )
