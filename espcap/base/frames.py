"""Sets and sequences of frame numbers of one capture: many millions of them, or a few that are far apart."""

from bisect import bisect_right
from collections.abc import Iterator

PAGE_BITS = 13
"""The frame numbers of a page of a FrameSet have the same bits above this number of bits."""
_PAGE_FRAMES = 1 << PAGE_BITS
_PAGE_BYTES = _PAGE_FRAMES // 8
_LARGEST = 2**63 - 1
_FEW = 8
"""Adding so many frame numbers one by one takes about the time of adding a run to a page."""


class FrameSet:
    """A set of frame numbers: a bit map in pages of 8,192 bits. Only pages that contain a frame take memory."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._length = 0
        self.greatest = -1
        """The greatest frame number; -1 if the set is empty."""

    def __contains__(self, frame: int) -> bool:
        page = self._pages.get(frame >> PAGE_BITS)
        return page is not None and bool(page[(frame >> 3) % _PAGE_BYTES] >> (frame & 7) & 1)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        """Yields the frame numbers in ascending order."""
        for number in sorted(self._pages):
            for place, byte in enumerate(self._pages[number]):
                if byte:
                    first = (number << PAGE_BITS) + place * 8
                    yield from (first + bit for bit in range(8) if byte >> bit & 1)

    def add(self, frame: int) -> None:
        """Adds a frame number."""
        number = frame >> PAGE_BITS
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = bytearray(_PAGE_BYTES)
        byte, bit = (frame >> 3) % _PAGE_BYTES, 1 << (frame & 7)
        self._length += not page[byte] & bit
        page[byte] |= bit
        self.greatest = max(self.greatest, frame)

    def add_run(self, first: int, last: int) -> None:
        """Adds the frame numbers from `first` up to and including `last`."""
        if last - first < _FEW:
            for frame in range(first, last + 1):
                self.add(frame)
            return
        for number in range(first >> PAGE_BITS, (last >> PAGE_BITS) + 1):
            start = number << PAGE_BITS
            low, high = max(first - start, 0), min(last - start, _PAGE_FRAMES - 1)
            before = int.from_bytes(self._pages.get(number, b""), "little")
            after = before | ((1 << high + 1) - (1 << low))
            self._pages[number] = bytearray(after.to_bytes(_PAGE_BYTES, "little"))
            self._length += after.bit_count() - before.bit_count()
        self.greatest = max(self.greatest, last)

    def page(self, number: int) -> bytes | bytearray:
        """Returns the bit map of a page, with the lowest frame number in the lowest bit of the first byte."""
        return self._pages.get(number) or bytes(_PAGE_BYTES)

    def may_contain(self, low: int, high: int | None) -> bool:
        """Returns False only if no frame from `low` up to and including `high` is in the set; True may be wrong.

        Without `high` there is no upper limit.
        """
        first, last = low >> PAGE_BITS, _LARGEST if high is None else high >> PAGE_BITS
        if last - first < len(self._pages):
            return any(number in self._pages for number in range(first, last + 1))
        return any(first <= number <= last for number in self._pages)


class Numbering:
    """Maps the positions of packets in a file to their frame numbers in the capture that they were copied from."""

    def __init__(self) -> None:
        # Only the starts of runs of consecutive numbers are kept: runs are few, packets may be many.
        self._positions: list[int] = []
        """For each run, the position of its first packet in the file, from 1."""
        self._frames: list[int] = []
        """For each run, the frame number of its first packet in the capture."""
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, frame: int) -> None:
        """Adds the frame number of the file's next packet. It must be greater than those before."""
        self._length += 1
        if not self._frames or frame - self._frames[-1] != self._length - self._positions[-1]:
            self._positions.append(self._length)
            self._frames.append(frame)

    def frame(self, position: int) -> int:
        """The frame number in the capture of the packet at a position in the file, from 1."""
        place = bisect_right(self._positions, position) - 1
        return self._frames[place] + position - self._positions[place]

    def position(self, frame: int) -> int | None:
        """The position in the file, from 1, of a frame of the capture; None if the file does not contain it."""
        place = bisect_right(self._frames, frame) - 1
        if place < 0:
            return None
        position = self._positions[place] + frame - self._frames[place]
        end = self._positions[place + 1] if place + 1 < len(self._positions) else self._length + 1
        return position if position < end else None

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yields the first and the last frame number of each run of consecutive numbers."""
        ends = [*self._positions[1:], self._length + 1]
        for first, start, end in zip(self._frames, self._positions, ends, strict=True):
            yield first, first + end - start - 1
