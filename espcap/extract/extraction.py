"""Copies packets from their original captures to one file. Several captures are merged by time."""

import heapq
import io
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

from espcap.base.errors import EspcapError, UsageError, with_hint
from espcap.base.text import printable
from espcap.captures.kept import Kept
from espcap.captures.originals import Originals, check_packet, is_live
from espcap.captures.pcap import packets
from espcap.captures.pcapng import Packet, PcapngWriter, UnknownForm, packets_of_all_types
from espcap.captures.sources import CaptureFile, Stamp, stamp_of
from espcap.searches.selection import Selection
from espcap.tshark.process import Process
from espcap.tshark.program import Program, User


@dataclass
class Missing:
    """Packets of one capture that could not be extracted."""

    packets: int
    """Their number."""
    reason: str


@dataclass
class _Capture:
    """A capture file with the same content as when its documents were stored."""

    selection: Selection
    file: CaptureFile
    stamp: Stamp

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.file.size

    def open(self) -> BinaryIO:
        file = self.file.open()
        if stamp_of(os.fstat(file.fileno())) != self.stamp:
            raise EspcapError(f"{printable(self.file.name)} has changed during the extraction", "run espcap again")
        return file


@dataclass
class _LiveCapture:
    """The kept files of a live capture."""

    selection: Selection
    kept: Kept

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.kept.size


class _ObservedStream(io.RawIOBase):
    """A stream that calls a function after each read."""

    def __init__(self, stream: IO[bytes], on_read: Callable[[], None]) -> None:
        self._stream = stream
        self._on_read = on_read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = int(self._stream.readinto(buffer))  # type: ignore[attr-defined]
        self._on_read()
        return count


class Extraction:
    """Copies packets of captures to one file: call `find`, then `write`."""

    def __init__(
        self,
        program: Program,
        user: User | None,
        on_missing: Callable[[Missing], None],
        on_progress: Callable[[int, int], None] = lambda position, packets: None,
    ) -> None:
        """Prepares an extraction.

        `on_missing` is called for each capture with packets that cannot be read any more. `on_progress` is called with
        the bytes read of all captures and the number of packets written.
        """
        self._command = [program.path, "-n", "-r", "-", "-F", "pcapng", "-w", "-"]
        self._user = user
        self._on_missing = on_missing
        self._captures: list[_Capture | _LiveCapture] = []
        self._on_progress = on_progress
        self._positions: dict[str, int] = {}
        self._read = self._written = 0

    @property
    def size(self) -> int:
        """Size in bytes of all captures that were found."""
        return sum(capture.size for capture in self._captures)

    def find(self, selections: list[Selection], originals: Originals, output: str) -> None:
        """Finds the captures. Raises UsageError if one of them is the output."""
        for selection in selections:
            try:
                self._captures.append(_find(selection, originals, output))
            except UsageError:
                raise
            except EspcapError as error:
                self._on_missing(Missing(len(selection.frames), with_hint(error.message, error.hint)))
        self._captures.sort(key=lambda capture: capture.selection.start)

    def write(self, file: BinaryIO) -> int:
        """Writes the packets as pcapng and returns their number."""
        writer = PcapngWriter(file)
        waiting = self._captures[::-1]
        heads: list[tuple[int, int, Packet, Iterator[Packet]]] = []
        order = 0
        while waiting or heads:
            if waiting and (not heads or waiting[-1].selection.start <= heads[0][0]):
                order += 1  # packets with the same time keep the order of their captures
                rest = self._packets(waiting.pop(), writer)
                heads += [(first.time, order, first, rest) for first in [next(rest, None)] if first]
                heapq.heapify(heads)
                continue
            _, place, packet, rest = heads[0]
            writer.add_packet(packet)
            self._written = writer.packets
            if following := next(rest, None):
                heapq.heapreplace(heads, (following.time, place, following, rest))
            else:
                heapq.heappop(heads)
        return writer.packets

    def _advance(self, capture: _Capture | _LiveCapture, position: int) -> None:
        before = self._positions.get(capture.selection.capture_id, 0)
        if position > before:
            self._positions[capture.selection.capture_id] = position
            self._read += position - before
            self._on_progress(self._read, self._written)

    def _packets(self, capture: _Capture | _LiveCapture, writer: PcapngWriter) -> Iterator[Packet]:
        if isinstance(capture, _LiveCapture):
            return self._live_packets(capture, writer)
        return self._file_packets(capture, writer)

    def _live_packets(self, capture: _LiveCapture, writer: PcapngWriter) -> Iterator[Packet]:
        frames, kept, position = capture.selection.frames, capture.kept, 0

        def on_read(count: int) -> None:
            nonlocal position
            position += count
            self._advance(capture, position)

        left = len(frames)
        reason = f"their capture files were deleted: {kept.kept_from}"
        try:
            for packet in kept.packets(writer, frames, on_read):
                left -= 1
                yield packet
        except EspcapError as error:
            reason = with_hint(error.message, error.hint)
        if left:
            self._on_missing(Missing(left, reason))

    def _file_packets(self, capture: _Capture, writer: PcapngWriter) -> Iterator[Packet]:
        """Yields the packets of a file. tshark is slower and reads only files that espcap cannot read."""
        selection = capture.selection
        left, last, reason = len(selection.frames), 0, "it cannot be read up to these packets"
        try:
            with capture.open() as file:
                for read in (self._read_directly, self._read_by_tshark):
                    file.seek(0)
                    for packet in read(capture, file, writer):
                        if packet.number > last and packet.number in selection.frames:
                            last, left = packet.number, left - 1
                            yield packet
                            if not left:
                                self._advance(capture, capture.file.size)
                                return
        except EspcapError as error:
            reason = error.message
        self._on_missing(Missing(left, f"{printable(capture.file.name)}: {reason}"))

    def _read_directly(self, capture: _Capture, file: BinaryIO, writer: PcapngWriter) -> Iterator[Packet]:
        observed = _ObservedStream(file, lambda: self._advance(capture, file.tell()))
        with suppress(UnknownForm):
            yield from packets(observed, writer, capture.selection.frames)

    def _read_by_tshark(self, capture: _Capture, file: BinaryIO, writer: PcapngWriter) -> Iterator[Packet]:
        """Yields the packets, then raises EspcapError with tshark's message on the end of the capture."""
        process = Process(self._command, file.fileno(), user=self._user)
        try:
            observed = _ObservedStream(process.stdout, lambda: self._advance(capture, file.tell()))
            yield from packets_of_all_types(io.BufferedReader(observed, 1 << 18), writer)
            raise EspcapError(process.wait().message)
        except UnknownForm as error:
            raise EspcapError("tshark's output is damaged", "run espcap doctor") from error
        finally:
            process.stop()


def _find(selection: Selection, originals: Originals, output: str) -> _Capture | _LiveCapture:
    """Finds the capture of a selection. Raises EspcapError if it is missing, UsageError if it is the output."""
    check_packet(selection.document)
    if is_live(selection.document):
        kept = originals.kept(selection.document)
        _check_output(output, *(str(file.path) for file in kept.files))
        return _LiveCapture(selection, kept)
    file, opened = originals.open(selection.capture_id, selection.names)
    with opened:
        stamp = stamp_of(os.fstat(opened.fileno()))
    _check_output(output, file.path)
    return _Capture(selection, file, stamp)


def _check_output(output: str, *paths: str) -> None:
    for path in paths:
        with suppress(OSError):  # the output does not exist, or a live capture's file was just deleted
            if os.path.samefile(output, path):
                raise UsageError(f"{printable(output)} is one of the captures to read", "name another file")
