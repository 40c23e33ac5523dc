"""Packets from their original captures into one: each capture's in their order, several captures' by time."""

import heapq
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from espcap.errors import EspcapError, UsageError, with_hint
from espcap.originals import Originals, capture_gone
from espcap.pcapng import Packet, Writer, packets
from espcap.selection import Selection
from espcap.sources import CaptureFile, Stamp, printable, stamp_of
from espcap.tshark.process import Process
from espcap.tshark.program import Program, User


@dataclass
class Missing:
    """Packets that could not be extracted."""

    packets: int
    reason: str


@dataclass
class _Capture:
    """A capture that is what it was when its documents were stored."""

    selection: Selection
    file: CaptureFile
    stamp: Stamp

    def open(self) -> BinaryIO:
        file = self.file.open()
        if stamp_of(os.fstat(file.fileno())) != self.stamp:
            raise EspcapError(f"{printable(self.file.name)} was changed meanwhile", "run espcap again")
        return file


class Extraction:
    """Packets of captures on their way into one file."""

    def __init__(self, program: Program, user: User | None, on_missing: Callable[[Missing], None]) -> None:
        """`on_missing` is told of packets that cannot be had any more, capture by capture."""
        self._command = [program.path, "-n", "-r", "-", "-F", "pcapng", "-w", "-"]
        self._user = user
        self._on_missing = on_missing
        self._captures: list[_Capture] = []

    def find(self, selections: list[Selection], originals: Originals, output: str) -> None:
        """Finds the captures. Raises UsageError where one of them is the output."""
        for selection in selections:
            try:
                if gone := capture_gone(selection.document):
                    raise gone
                file, opened = originals.open(selection.capture_id, selection.names)
                with opened:
                    stamp = stamp_of(os.fstat(opened.fileno()))
            except EspcapError as error:
                self._on_missing(Missing(len(selection.frames), with_hint(error.message, error.hint)))
                continue
            if os.path.exists(output) and os.path.samefile(output, file.path):
                raise UsageError(f"{printable(output)} is one of the captures to read", "name another file")
            self._captures.append(_Capture(selection, file, stamp))
        self._captures.sort(key=lambda capture: capture.selection.start)

    def write(self, file: BinaryIO) -> int:
        """Writes the packets as pcapng and returns how many there were."""
        writer = Writer(file)
        waiting = self._captures[::-1]
        heads: list[tuple[int, int, Packet, Iterator[Packet]]] = []
        order = 0
        while waiting or heads:
            if waiting and (not heads or waiting[-1].selection.start <= heads[0][0]):
                order += 1  # captures whose packets have the same time stay in their order
                rest = self._packets(waiting.pop(), writer)
                heads += [(first.time, order, first, rest) for first in [next(rest, None)] if first]
                heapq.heapify(heads)
                continue
            _, place, packet, rest = heads[0]
            writer.add_packet(packet)
            if following := next(rest, None):
                heapq.heapreplace(heads, (following.time, place, following, rest))
            else:
                heapq.heappop(heads)
        return writer.packets

    def _packets(self, capture: _Capture, writer: Writer) -> Iterator[Packet]:
        selection, left = capture.selection, len(capture.selection.frames)
        reason = "it cannot be read so far"
        try:
            with capture.open() as file:
                process = Process(self._command, file.fileno(), user=self._user)
                try:
                    stream = io.BufferedReader(process.stdout, 1 << 18)  # type: ignore[type-var]
                    for packet in packets(stream, writer):
                        if packet.number in selection.frames:
                            left -= 1
                            yield packet
                            if not left:
                                return
                    reason = process.wait().message
                finally:
                    process.stop()
        except EspcapError as error:
            reason = error.message
        self._on_missing(Missing(left, f"{printable(capture.file.name)}: {reason}"))
