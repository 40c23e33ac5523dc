"""One capture file read by several tsharks, each of which prints its share of the packets.

Every tshark dissects every packet, so that reassembly, streams and what refers to other packets are exact; printing is
what takes the time. What they print is put into the order of the capture here.
"""

import heapq
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from espcap.tshark.arguments import Settings
from espcap.tshark.output import IDLE, FileOutput, Output, whole_lines
from espcap.tshark.process import Exit, Process
from espcap.tshark.program import Program

OLDEST = (4, 0)
"""The first version of Wireshark whose display filters can calculate."""


class _Line(NamedTuple):
    """A packet as `dissection.tap` reads it."""

    frame: int
    text: bytes


class _Share(FileOutput):
    """What one tshark prints, as lines of a printer that reads it."""

    def __init__(self, tshark: Process, printer: Sequence[str], file: BinaryIO, stall_timeout: float) -> None:
        assert tshark.companion
        columns = tshark.companion.stdout
        command = [*printer, str(columns.fileno())]
        self._printer = Process(command, tshark.stdout.fileno(), _environment(), descriptors=(columns.fileno(),))
        for stream in (tshark.stdout, columns):  # the printer has them: tshark sees when that ends
            stream.close()
        super().__init__(tshark, file, stall_timeout, self._printer.stdout)
        self.ended: Exit | None = None
        self.broke = False
        """Whether packets are missing at the end, which other shares may go beyond."""

    def lines(self) -> Iterator[list[_Line] | None]:
        """The lines as they come; None for IDLE."""
        for lines in whole_lines(self.blocks()):
            yield None if lines is None else [_line(line) for line in lines]
        self.ended = self.finish()

    def finish(self) -> Exit:
        if self.ended:
            return self.ended
        tshark = super().finish()
        if self.stalled or self.interrupted:
            self._printer.stop()
        printer = self._printer.wait()
        self.broke = self.stalled or tshark.status < 0 or printer.status != 0
        return printer if printer.status else tshark  # which ends for want of a reader

    def stop(self) -> None:
        """Ends both processes."""
        self._stop()
        self._printer.stop()
        self._file.close()


class SharedOutput(Output):
    """What several tsharks print for one file, in the order of its packets."""

    def __init__(self, shares: Sequence[_Share]) -> None:
        super().__init__(shares[0].tshark, stream=shares[0]._stream)
        self._shares = shares
        self._queues: list[deque[_Line]] = [deque() for _ in shares]
        self._open = set(range(len(shares)))

    def __exit__(self, *_: object) -> None:
        for share in self._shares:
            share.stop()

    def blocks(self) -> Iterator[bytes]:
        """Lines in order, and IDLE. Ends where a tshark breaks: what the others have of later packets is dropped."""
        streams = [share.lines() for share in self._shares]
        while not self.interrupted:
            for index in [index for index in self._open if not self._queues[index]]:
                lines = next(streams[index], [])
                if lines is None:
                    yield IDLE
                elif lines:
                    self._queues[index].extend(lines)
                else:
                    self._open.remove(index)
            if any(share.broke for share in self._shares):
                self.stalled = any(share.stalled for share in self._shares)
                return
            if any(not self._queues[index] for index in self._open):
                continue
            if not any(self._queues):
                return
            yield b"".join(self._in_order())

    def _in_order(self) -> Iterator[bytes]:
        """Takes lines from the queues until one is empty that may get more."""
        heads = [(queue[0].frame, index) for index, queue in enumerate(self._queues) if queue]
        heapq.heapify(heads)
        while heads:
            _, index = heads[0]
            queue = self._queues[index]
            yield queue.popleft().text
            if queue:
                heapq.heapreplace(heads, (queue[0].frame, index))
            elif index in self._open:
                return
            else:
                heapq.heappop(heads)

    @property
    def has_lines(self) -> bool:
        return True

    @property
    def position(self) -> int:
        return min(share.position for share in self._shares)

    def interrupt(self) -> None:
        super().interrupt()
        for share in self._shares:
            share.interrupt()

    def finish(self) -> Exit:
        """How the share ended that broke, else one that failed, else all."""
        shares = [share for share in self._shares if share.broke] or self._shares
        ends = [share.finish() for share in shares]
        return min(ends, key=lambda end: (end.status >= 0, end.status == 0))


def _line(text: bytes) -> _Line:
    return _Line(int(text[1 : text.index(b",")]), text + b"\n")  # a list that starts with the number


def _environment() -> Mapping[str, str]:
    """So that the printer imports what we did."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def can_share(program: Program, settings: Settings) -> bool:
    """Whether tshark can print shares: not an old one, nor of a number of packets, which each would count, nor with a
    display filter, with which there is less to print and times depend on the packet printed before."""
    return program.version.release >= OLDEST and not settings.count and not settings.display_filter


def read_shares(
    start: Callable[[Settings, int], Process],
    settings: Settings,
    file: BinaryIO,
    stall_timeout: float,
    printers: Sequence[Sequence[str]],
) -> SharedOutput:
    """As `output.read_file`, with a tshark for each printer, the command that makes lines of its JSON.

    `start` starts a tshark with these settings that reads from this descriptor.
    """
    shares = []
    for index, printer in enumerate(printers):
        wanted = f"frame.number % {len(printers)} == {index}"
        own = open(f"/proc/self/fd/{file.fileno()}", "rb")  # noqa: SIM115 - the share closes it; each has its position
        tshark = start(replace(settings, display_filter=wanted), own.fileno())
        shares.append(_Share(tshark, printer, own, stall_timeout))
    return SharedOutput(shares)
