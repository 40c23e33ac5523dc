"""A tshark that is passed the segments of a ring, one after the other, as one capture."""

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
"""Seconds between looks at a segment that grows; dumpcap writes every half second."""


class Feed(Output):
    """The output of one tshark. It ends where the capture ends, where packets are missing, or at a border of segments
    once tshark is larger than `memory` bytes."""

    idle_after = 0.1

    def __init__(self, tshark: Process, ring: Ring, first: Segment, memory: int, filtered: bool) -> None:
        """`filtered`: not every packet gives a document."""
        super().__init__(tshark)
        self.before = max(first.first, ring.resume)
        """Packets of the run before tshark's first."""
        self.passed = self.before
        """The number in the run of the last packet that tshark was passed."""
        self.stored = self.before
        """The number in the run of the last packet that is known to be stored."""
        self.before_removal: Callable[[], None] = lambda: None
        """Makes durable what is stored; what it raises keeps the segments."""
        self._ring = ring
        self._memory = memory
        self._filtered = filtered
        self._in_flight: deque[Segment] = deque()
        self._closed = False
        self._first = first
        self._headed: Segment | None = None  # whose headers tshark has
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
        """How tshark ended; where in order, a filter may have left out the last packets that it was passed."""
        ended = self._wait(SECONDS_TO_END)
        self._closed = True
        self._pump.join()
        self.acknowledge(self.passed if ended.status == 0 and self._filtered else self.stored)
        return ended

    def acknowledge(self, packet: int) -> None:
        """All packets of the run up to this number are stored: removes the segments that hold no other."""
        self.stored = packet
        while self._in_flight:
            segment = self._in_flight[0]
            if segment.packets is None or segment.first + segment.packets > packet:
                return
            self.before_removal()
            self._in_flight.popleft()
            self._ring.remove(segment)

    def waits_for(self, packet: int) -> bool:
        """Whether it is about to stop for want of segments, and gets one when packets up to this number are stored."""
        if len(self._in_flight) <= IN_FLIGHT // 2:
            return False
        first = self._in_flight[0]
        return first.packets is not None and first.first + first.packets <= packet

    def acknowledge_idle(self) -> bool:
        """Call it when all documents are stored and tshark prints nothing. Says whether there was headway.

        Segments go that turned out to be complete, or to have no packet, after the last of their packets was stored.
        A display filter may let nothing pass. A tshark that sleeps with nothing left in its pipe, and nothing more to
        be read from it, has dissected all that it was passed; not so a program that has a tshark of its own.
        """
        passed, stored = self.passed, self.stored
        sleeps = self._filtered and self._pending() == 0 and self.tshark.is_asleep()
        self.acknowledge(passed if sleeps and not readable([self.tshark.stdout], 0) else stored)
        return self.stored > stored

    def _pending(self) -> int:
        """Bytes that tshark has not read."""
        count = array.array("i", [0])
        with contextlib.suppress(OSError, ValueError):  # the pump has closed it
            fcntl.ioctl(self.tshark.stdin.fileno(), termios.FIONREAD, count)  # type: ignore[union-attr]
        return count[0]

    def _pass_segments(self) -> None:
        assert self.tshark.stdin is not None
        segment: Segment | None = self._first
        with contextlib.suppress(OSError), self.tshark.stdin as stdin:  # an OSError: tshark is gone
            while segment:
                self._in_flight.append(segment)
                segment.packets = self._pass(segment, stdin)
                segment = None if self.tshark.memory() > self._memory else self._next(segment)

    def _pass(self, segment: Segment, stdin: IO[bytes]) -> int | None:
        """Passes a segment on as it grows; the packets in it, or None where that ended early."""
        number = segment.first
        with segment.open() as file:
            reader = BlockReader(file)
            while not self._closed:
                complete = self._ring.is_complete(segment)  # before the reading, which may then be the last
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
        """What of the blocks tshark shall see, and the number of the last packet.

        The headers are the same in each segment: those of the first do for all, and tshark's interfaces stay the same.
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
    """A new tshark at the next segment of the ring, once there is one; None where there will be no more."""
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
