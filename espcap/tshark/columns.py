"""What Wireshark's columns show of each packet, and which texts of its tree are labels, where tshark prints JSON.

`tshark -T json` prints either the packet's tree or its columns, so that a second tshark reads the same capture for the
columns. It has a third of the work of the first. Both print the same packets in the same order. In the tree nothing
tells a label, text that belongs to no field, from a field without a value; the second tshark prints them apart.
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
"""What the labels come behind, last of all."""
_LABEL = re.compile(r'^\s*"([\w.-]+)",?$', re.MULTILINE)
_BLOCK = 1 << 16


class Shown(NamedTuple):
    """A packet's columns, as JSON; empty where there is none."""

    info: str = ""
    protocol: str = ""
    is_bad_utf8: bool = False
    labels: Sequence[str] = ()
    """Those labels of its tree that could be the name of a field, as often as they occur."""


class Columns:
    """Reads what such a tshark prints, from a descriptor."""

    def __init__(self, descriptor: int, patience: float = 0, is_ahead: bool = True) -> None:
        """A tshark that prints nothing for `patience` seconds (0: for ever) is waited for no longer.

        `is_ahead`: it reads the capture by itself, and need not be read before its packets are asked for.
        """
        self.is_ahead = is_ahead
        self.missing = 0
        """Packets whose columns it did not print."""
        self._descriptor = descriptor
        self._patience = patience
        self._found: deque[tuple[int, Shown]] = deque()
        self._last = 0
        self._rest = bytearray()
        self._is_over = False

    def fileno(self) -> int:
        return self._descriptor

    def at(self, frame: int) -> Shown:
        """The columns of the packet with this number among those that tshark read. Numbers have to grow."""
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
        return Shown()

    def read(self) -> None:
        """Takes in what there is, or waits for it."""
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
        """Whether nothing more comes."""
        return self._is_over

    def _add(self, packet: bytearray) -> None:
        text = packet.decode("utf-8", "replace")
        values = dict(_VALUE.findall(text))
        if number := values.get("frame.number"):
            info, protocol = values.get("_ws.col.info", ""), values.get("_ws.col.protocol", "")
            self._last = int(number[1:-1])
            is_bad = "\ufffd" in text and not _is_utf8(packet)
            labels = _LABEL.findall(text.partition(_LABELS)[2])
            self._found.append((self._last, Shown(info, protocol, is_bad, labels)))


def _is_utf8(text: bytearray) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


class Both(io.RawIOBase):
    """The standard inputs of two tsharks: what is written goes to both. An end of the second is nobody's trouble."""

    def __init__(self, first: IO[bytes], second: IO[bytes]) -> None:
        super().__init__()
        self._first = first
        self._second = second

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._first.fileno()

    def write(self, text: bytes) -> int:  # type: ignore[override]
        """Writes all of it, first to the second: whoever has a packet of the first waits for that of the second, which
        would never come where the first has no room for more."""
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
