"""A tshark that reads the segments of a ring, one after the other, as one capture from a pipe."""

import array
import contextlib
import fcntl
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import IO

from espcap.live.blocks import PACKETS, Block, BlockReader
from espcap.live.ring import Next, Ring, Segment
from espcap.live.spool import IN_FLIGHT
from espcap.tshark.arguments import Settings
from espcap.tshark.output import SECONDS_TO_END, Output, dissect
from espcap.tshark.process import PIPE, Exit, Process, write_all
from espcap.tshark.program import Program, User
from espcap.tshark.waiting import readable

_PAUSE = 0.1
"""Seconds between attempts to read more of a growing segment. dumpcap writes every half second."""


class Feed(Output):
    """The output of one tshark, which reads segments.

    It ends when the capture ends, before packets that are missing, or after the segment in which tshark's memory
    exceeds `memory` bytes.
    """

    idle_after = 0.1

    def __init__(self, tshark: Process, ring: Ring, first: Segment, memory: int, filtered: bool) -> None:
        """`memory` is in bytes. `filtered`: there is a display filter, so that not every packet becomes a document."""
        super().__init__(tshark)
        self.before = max(first.first, ring.resume)
        """Number of packets of the run before tshark's first packet."""
        self.passed = self.before
        """Number, in the run, of the last packet that was written to tshark."""
        self.stored = self.before
        """Number, in the run, of the last packet that is known to be stored."""
        self.before_removal: Callable[[], None] = lambda: None
        """Called before a segment is deleted, to make its packets durable. If it raises, the segment stays."""
        self._ring = ring
        self._memory = memory
        self._filtered = filtered
        self._in_flight: deque[Segment] = deque()
        self._closed = False
        self._first = first
        self._headed: Segment | None = None  # the segment of which tshark has read the headers
        self._pump = threading.Thread(target=self._pass_segments, daemon=True)
        self._pump.start()

    @property
    def ends_at_once(self) -> bool:
        return False

    def __exit__(self, *details: object) -> None:
        self._closed = True
        super().__exit__(*details)
        self._pump.join()
        self._ring.put_back(self._in_flight)

    def finish(self) -> Exit:
        """Waits for tshark, and returns how it ended.

        After a clean end with a display filter, the packets without a document count as stored.
        """
        ended = self._wait(SECONDS_TO_END)
        self._closed = True
        self._pump.join()
        self.acknowledge(self.passed if ended.status == 0 and self._filtered else self.stored)
        return ended

    def acknowledge(self, packet: int) -> None:
        """Call it when all packets of the run up to this number are stored. Deletes the segments with only these."""
        self.stored = packet
        while self._in_flight:
            segment = self._in_flight[0]
            if segment.packets is None or segment.first + segment.packets > packet:
                return
            self.before_removal()
            self._in_flight.popleft()
            self._ring.remove(segment)

    def waits_for(self, packet: int) -> bool:
        """Returns whether tshark needs a new segment soon, and gets one if packets up to this number are stored."""
        if len(self._in_flight) <= IN_FLIGHT // 2:
            return False
        first = self._in_flight[0]
        return first.packets is not None and first.first + first.packets <= packet

    def acknowledge_idle(self) -> bool:
        """Call it when all documents are stored and tshark prints nothing. Returns whether `stored` has grown.

        Deletes the segments that were completed after the last of their packets was stored, or that have no packets.
        With a display filter, packets may pass without a document: if tshark sleeps, has read all of its pipe and has
        printed nothing more, it has dissected all packets that it was given.
        """
        passed, stored = self.passed, self.stored
        sleeps = self._filtered and self._pending() == 0 and self.tshark.is_asleep()
        self.acknowledge(passed if sleeps and not readable([self.tshark.stdout], 0) else stored)
        return self.stored > stored

    def _pending(self) -> int:
        """Returns the bytes in the pipe that tshark has not read."""
        count = array.array("i", [0])
        with contextlib.suppress(OSError, ValueError):  # the pump thread has closed the pipe
            fcntl.ioctl(self.tshark.stdin.fileno(), termios.FIONREAD, count)  # type: ignore[union-attr]
        return count[0]

    def _pass_segments(self) -> None:
        assert self.tshark.stdin is not None
        segment: Segment | None = self._first
        with contextlib.suppress(OSError), self.tshark.stdin as stdin:  # OSError: tshark has ended
            while segment:
                self._in_flight.append(segment)
                segment.packets = self._pass(segment, stdin)
                segment = None if self.tshark.memory() > self._memory else self._next(segment)

    def _pass(self, segment: Segment, stdin: IO[bytes]) -> int | None:
        """Writes a segment to tshark while it grows. Returns the number of its packets; None if the feed was closed."""
        number = segment.first
        with segment.open() as file:
            reader = BlockReader(file)
            while not self._closed:
                complete = self._ring.is_complete(segment)  # must precede the read: if it is true, the read is the last
                buffer, blocks = reader.read()
                wanted, number = self._choose(segment, blocks, number)
                write_all(stdin, b"".join([buffer[start:end] for _, start, end in wanted]))
                self.passed = max(self.passed, number)
                if complete and not blocks:
                    return number - segment.first
                if not blocks:
                    time.sleep(_PAUSE)
        return None

    def _choose(self, segment: Segment, blocks: list[Block], number: int) -> tuple[list[Block], int]:
        """Returns the blocks that tshark is to read, and the number of the last packet.

        The headers are the same in each segment: only those of the first are passed on, so that tshark does not see
        new interfaces.
        """
        wanted = []
        for block in blocks:
            is_packet = block[0] in PACKETS
            number += is_packet
            if not is_packet and not self._headed:
                self._headed = segment
            if number > self.before if is_packet else segment is self._headed:
                wanted.append(block)
        return wanted, number

    def _next(self, segment: Segment) -> Segment | None:
        while not self._closed:
            found = self._ring.take(segment) if len(self._in_flight) < IN_FLIGHT else Next.LATER
            if found is Next.NEVER:
                return None
            if isinstance(found, Segment):
                return found
            time.sleep(_PAUSE / 4)
        return None


def open_feed(program: Program, settings: Settings, ring: Ring, user: User | None, memory: int) -> Feed | None:
    """Waits for the next segment of the ring, and starts a tshark that reads from there on.

    Returns None if the capture has ended and no segment is left. Raises EspcapError if tshark cannot be started.
    """
    while (first := ring.take()) is Next.LATER:
        time.sleep(_PAUSE / 2)
    if not isinstance(first, Segment):
        return None
    try:
        plugin = settings.plugin and replace(settings.plugin, before=max(first.first, ring.resume))
        settings = replace(settings, count=0, plugin=plugin)
        tshark = dissect(program, settings, PIPE, user, live=True)
    except BaseException:
        ring.put_back(deque([first]))
        raise
    return Feed(tshark, ring, first, memory, bool(settings.display_filter))
