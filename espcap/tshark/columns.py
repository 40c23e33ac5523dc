"""Reads Wireshark's columns of each packet, and the labels in its tree, if tshark prints JSON.

`tshark -T json` prints either the packet's tree or its columns. So a second tshark reads the same capture and prints
the columns, with a third of the work of the first. Both print the same packets in the same order. A label is a text in
the tree that belongs to no field. In the output of the first tshark it looks like a field without a value, so the
second tshark prints the labels separately.
"""

import contextlib
import io
import os
import re
from collections import deque
from collections.abc import Sequence
from typing import IO, NamedTuple

from espcap.tshark.waiting import readable

_PACKET_END = b"\n  }"
_VALUE = re.compile(r'"(frame\.number|_ws\.col\.info|_ws\.col\.protocol)": \[\s*(".*")')
_LABELS = '"text": ['
"""The start of the list of labels, which is the last member of a packet."""
_LABEL = re.compile(r'^\s*"([\w.-]+)",?$', re.MULTILINE)
_BLOCK = 1 << 16


class PacketColumns(NamedTuple):
    """The columns and the labels of a packet."""

    info: str = ""
    """The column Info as JSON; empty if it was not printed."""
    protocol: str = ""
    """The column Protocol as JSON; empty if it was not printed."""
    is_bad_utf8: bool = False
    """Whether the output for the packet contains bytes that are not UTF-8."""
    labels: Sequence[str] = ()
    """The labels of its tree that could be the name of a field, each as often as it occurs."""


class Columns:
    """Reads the output of the second tshark from a descriptor."""

    def __init__(self, descriptor: int, patience: float = 0, is_ahead: bool = True) -> None:
        """If tshark prints nothing for `patience` seconds, reading ends; 0 means no limit.

        `is_ahead`: tshark reads the capture itself, from a file, so its output need not be read before it is needed.
        """
        self.is_ahead = is_ahead
        self.missing = 0
        """Number of packets without columns, because tshark did not print them."""
        self._descriptor = descriptor
        self._patience = patience
        self._found: deque[tuple[int, PacketColumns]] = deque()
        self._last = 0
        self._rest = bytearray()
        self._is_over = False

    def fileno(self) -> int:
        return self._descriptor

    def at(self, frame: int) -> PacketColumns:
        """The columns of a packet. `frame` is its number among the packets that tshark got, and must grow from call to
        call."""
        while self._last < frame and not self._is_over:
            if self._patience and not readable([self._descriptor], self._patience):
                self._is_over = True
            else:
                self.read()
        while self._found and self._found[0][0] < frame:
            self._found.popleft()
        if self._found and self._found[0][0] == frame:
            return self._found.popleft()[1]
        self.missing += 1
        return PacketColumns()

    def read(self) -> None:
        """Reads a block of output. Waits until tshark has printed something."""
        block = b"" if self._is_over else os.read(self._descriptor, _BLOCK)
        self._is_over = not block
        searched = max(0, len(self._rest) - len(_PACKET_END))
        self._rest += block
        end = self._rest.rfind(_PACKET_END, searched)
        if end >= 0:
            packets = self._rest[:end].split(_PACKET_END)
            del self._rest[: end + len(_PACKET_END)]
            for packet in packets:
                self._add(packet)

    @property
    def is_over(self) -> bool:
        """Whether the output has ended."""
        return self._is_over

    def _add(self, packet: bytearray) -> None:
        text = packet.decode("utf-8", "replace")
        values = dict(_VALUE.findall(text))
        if number := values.get("frame.number"):
            info, protocol = values.get("_ws.col.info", ""), values.get("_ws.col.protocol", "")
            self._last = int(number[1:-1])
            is_bad = "\ufffd" in text and not _is_utf8(packet)
            labels = _LABEL.findall(text.partition(_LABELS)[2])
            self._found.append((self._last, PacketColumns(info, protocol, is_bad, labels)))


def _is_utf8(text: bytearray) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


class Tee(io.RawIOBase):
    """Writes to the standard inputs of two tsharks. It is not an error if the second has ended."""

    def __init__(self, first: IO[bytes], second: IO[bytes]) -> None:
        super().__init__()
        self._first = first
        self._second = second

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._first.fileno()

    def write(self, text: bytes) -> int:  # type: ignore[override]
        """Writes the whole text to both, and returns its length.

        The second comes first: the reader of a packet from the first waits for the same packet from the second, which
        would never come if this method waited for room in the pipe of the first.
        """
        for stream in (self._second, self._first):
            with contextlib.suppress(OSError) if stream is self._second else contextlib.nullcontext():
                view = memoryview(text)
                while view:
                    view = view[stream.write(view) :]
        return len(text)

    def close(self) -> None:
        for stream in (self._first, self._second):
            with contextlib.suppress(OSError):
                stream.close()
        super().close()
