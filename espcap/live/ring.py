"""The segments of a run in their order: the complete ones, the next one, and those that dumpcap has overwritten."""

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from espcap.live.blocks import count_packets
from espcap.live.folder import CAPTURED, HELD, NUMBERS, RunFolder
from espcap.live.keeper import Keeper


class Next(Enum):
    """The reasons for which `Ring.take` returns no segment."""

    LATER = "dumpcap has not begun it"
    NEVER = "the capture has ended, or the next segment was overwritten"


@dataclass
class Segment:
    """A segment that has been taken for dissection."""

    number: int
    """Counts from 1, and does not begin again as dumpcap's numbers do."""
    first: int
    """Number of packets of the run before it."""
    path: Path
    """The file under its second name, which dumpcap does not overwrite."""
    packets: int | None = None
    """Number of its packets; None until all of them have been written to tshark."""

    def open(self) -> BinaryIO:
        """Opens the file. Raises OSError."""
        return self.path.open("rb", buffering=0)


class Ring:
    """The segments of one folder. Two threads use it: one waits for dumpcap's messages, one writes to tshark."""

    def __init__(self, folder: RunFolder, on_dropped: Callable[[int], None], keeper: Keeper | None = None) -> None:
        """`on_dropped` is called with the number of packets when packets were overwritten before their dissection.

        With a `keeper`, segments stay as files after they are removed from the ring.
        """
        self.folder = folder
        self.keeper = keeper
        self.ended = False
        """Whether dumpcap has ended."""
        self.resume = 0
        """Number of packets of the run before the first one that is still to be dissected."""
        self._on_dropped = on_dropped
        self._lock = threading.RLock()
        self._before = {1: 0}  # packets before each segment
        self._complete = 0
        self._next = 1
        self._returned: deque[Segment] = deque()
        self._dropped = 0

    @property
    def packets(self) -> int:
        """Number of packets of all complete segments; or of those dissected, if a segment could not be counted."""
        return max(self._before[self._complete + 1], self.resume)

    def load(self) -> None:
        """Reads which segments the folder of a run that has ended contains."""
        known, unreported = self.folder.read_numbers()
        numbers = _ordinals(self.folder.segments(), known)
        self._next = min(numbers, default=1)
        self._complete, self.ended = self._next - 1, True
        self._before = {number: before for number, before in known.items() if number >= self._next}
        self._before.setdefault(self._next, max(known.values(), default=0))
        while self._complete < max(numbers, default=0):
            self._complete_one()
        if unreported:
            self._drop(unreported)

    def complete_one(self) -> None:
        """Call it when dumpcap has closed the newest segment. Counts its packets, and reports overwritten segments."""
        with self._lock:
            self._complete_one()
            self.folder.write_number(self._complete + 1, self.packets)
            self._pass_over_missing()

    def _complete_one(self) -> None:
        number = self._complete + 1
        count = self._count(number) if number + 1 not in self._before else 0
        self._before.setdefault(number + 1, self._before[number] + count)
        self._complete = number

    def _count(self, number: int) -> int:
        """Returns the packets of a segment; 0 if dumpcap has overwritten it (dumpcap's final count includes them)."""
        paths = self.folder.segments().get(number % NUMBERS, [])
        with suppress(OSError):
            return count_packets(paths[0]) if paths else 0
        return 0

    def end(self) -> None:
        """Call it when dumpcap has ended. The newest segment then is complete, even if dumpcap did not report it."""
        with self._lock:
            if self.folder.segments().get((self._complete + 1) % NUMBERS):
                self.complete_one()
            self.ended = True

    def is_complete(self, segment: Segment) -> bool:
        """Returns whether nothing more will be written to the segment."""
        return segment.number <= self._complete or self.ended

    def take(self, after: Segment | None = None) -> Segment | Next:
        """Returns the next segment, or the reason why it is not available. With `after`, only the one that directly
        follows that one.

        The file stays until the segment is removed or put back.
        """
        with self._lock:
            while self._returned:
                if (segment := self._returned.popleft()).path.exists():
                    return segment
                self._pass_over(segment.number)  # somebody has deleted the folder
            self._pass_over_missing()
            paths = self.folder.segments().get(self._next % NUMBERS, [])
            if after and self._next != after.number + 1:
                return Next.NEVER
            if not paths:
                return Next.NEVER if self.ended and self._next > self._complete else Next.LATER
            segment = Segment(self._next, self._before[self._next], _hold(paths[0]))
            self._next += 1
            if self.keeper:
                self.keeper.keep(self.folder.run, segment.path, segment.first, segment.number)
            return segment

    def put_back(self, segments: deque[Segment]) -> None:
        """Puts back segments that were not dissected to their end: `take` returns them again. Empties the deque."""
        with self._lock:
            while segments:
                segment = segments.pop()
                segment.packets = None
                self._returned.appendleft(segment)

    def remove(self, segment: Segment) -> None:
        """Deletes a segment whose packets are all stored."""
        with self._lock:
            self.resume = max(self.resume, segment.first + (segment.packets or 0))
            for path in self.folder.segments().get(segment.number % NUMBERS, []):
                path.unlink(missing_ok=True)
            for number in [number for number in self._before if number < segment.number]:
                del self._before[number]
        if self.keeper:
            self.keeper.release(self.folder.run, segment.first, segment.number, segment.packets or 0)

    def _pass_over_missing(self) -> None:
        existing = self.folder.segments()
        while self._next <= self._complete and self._next % NUMBERS not in existing:
            self._pass_over(self._next)
            self._next += 1

    def _pass_over(self, number: int) -> None:
        """Counts the packets of an overwritten segment as dropped; those not counted are in dumpcap's final count."""
        if packets := self._before.get(number + 1, 0) - self._before.get(number, 0):
            self._drop(packets)

    def _drop(self, packets: int) -> None:
        self._dropped += packets
        self.folder.write_dropped(self._dropped)
        self._on_dropped(packets)


def _hold(path: Path) -> Path:
    """Gives the file a second name, under which dumpcap does not overwrite it. Returns that name.

    Returns the first name on a file system without hard links.
    """
    held = path.with_name(path.name.replace(CAPTURED, HELD, 1))
    with suppress(FileExistsError):
        try:
            os.link(path, held)
        except FileExistsError:
            raise
        except OSError:
            return path
    return held


def _ordinals(numbers: dict[int, list[Path]], known: dict[int, int]) -> list[int]:
    """Returns the numbers of the segments, which continue when dumpcap's numbers begin again."""
    newest = max(known, default=1)
    half = NUMBERS // 2
    return [newest + (number - newest + half) % NUMBERS - half for number in numbers]
