"""A program between a tshark that prints JSON and espcap: it prints the packets as the native reader's plugin does.

So several cores read JSON, and espcap itself has as little to do as with the native reader. Its arguments are the
registry's file, 1 to keep payload, the names of the fields that documents need outside `layers`, and the descriptor of
what prints the columns.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from espcap.base.text import without_controls
from espcap.dissection import Record
from espcap.dissection.json_lines import JsonReader
from espcap.fields.registry import Registry
from espcap.tshark.columns import Columns
from espcap.tshark.process import write_all

_BLOCK = 1 << 20


def command(registry: Registry, payload: bool, head: Sequence[str]) -> list[str]:
    """What runs the program; with -P Python imports nothing from the current directory."""
    return [sys.executable, "-P", "-m", __name__, str(registry.path), str(int(payload)), *head]


class _Printer:
    """Makes of records the lines that `tap.TapReader` reads."""

    def __init__(self, reader: JsonReader, head: Sequence[str]) -> None:
        self._reader = reader
        self._head = [name.split(".", 1) for name in head]

    def lines(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """A line for each packet."""
        before = 0
        for record in self._reader.records(blocks):
            if record:
                yield self._line(record, self._reader.bad_utf8 - before)
            before = self._reader.bad_utf8

    def _line(self, record: Record, bad_utf8: int) -> bytes:
        _mend_displayed_delta(record)
        frame = record.layers["frame"]
        packet = [record.frame_number, frame.get("len"), record.epoch, record.left_out, bad_utf8, record.unparsed]
        context = {
            "tree": ":".join(record.tree),
            "inner": ":".join(record.inner),
            "protocol_column": record.protocol_column,
            "payload_fields": record.payload_fields,
            "community_id": record.community_id,
            "layers": self._head_of(record.layers),
        }
        first, *rest = (orjson.dumps(value) for value in (packet, context, record.layers))
        return without_controls(b"\t".join((first, record.info, *rest))) + b"\n"

    def _head_of(self, layers: dict[str, Any]) -> dict[str, dict[str, Any]]:
        head: dict[str, dict[str, Any]] = {}
        for layer, key in self._head:
            if layer in layers and key in layers[layer]:
                head.setdefault(layer, {})[key] = layers[layer][key]
        return head


def _mend_displayed_delta(record: Record) -> None:
    """Sets `frame.time_delta_displayed`, which tshark has taken from the packet that it printed before.

    From Wireshark 4.6 on the first packet of each share has none: it belongs behind `frame.time_delta`.
    """
    frame, unparsed = record.layers["frame"], record.unparsed.get("frame", {})
    if "time_delta" in unparsed:
        frame.pop("time_delta_displayed", None)
        unparsed["time_delta_displayed"] = unparsed["time_delta"]
    elif "time_delta_displayed" in frame:
        frame["time_delta_displayed"] = frame["time_delta"]
    elif "time_delta" in frame:
        members = list(frame.items())
        place = list(frame).index("time_delta") + 1
        members.insert(place, ("time_delta_displayed", frame["time_delta"]))
        record.layers["frame"] = dict(members)


def main(registry: str, payload: str, *words: str) -> None:
    """Reads standard input to its end."""
    *head, descriptor = words
    columns = Columns(int(descriptor))
    printer = _Printer(JsonReader(Registry(Path(registry)), payload == "1", columns=columns), head)
    waiting: list[bytes] = []
    size = 0
    with open(1, "wb", buffering=0) as output:
        for line in printer.lines(iter(lambda: os.read(0, _BLOCK), b"")):
            if columns.missing:
                break
            waiting.append(line)
            size += len(line)
            if size >= _BLOCK:
                write_all(output, b"".join(waiting))
                waiting, size = [], 0
        write_all(output, b"".join(waiting))
    if columns.missing:
        sys.exit("tshark: the one that prints the columns has ended")


if __name__ == "__main__":
    main(*sys.argv[1:])
