"""Sets of frame numbers of one capture, of which there may be many millions, or few that are far apart."""

from collections.abc import Callable, Iterator

_PAGE_BITS = 13
_PAGE_BYTES = 1 << (_PAGE_BITS - 3)
_LARGEST = 2**63 - 1


class FrameSet:
    """Frame numbers, one bit each in pages of 8,192; only pages with a frame take memory."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._length = 0

    def __contains__(self, frame: int) -> bool:
        page = self._pages.get(frame >> _PAGE_BITS)
        return page is not None and bool(page[(frame >> 3) % _PAGE_BYTES] >> (frame & 7) & 1)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        """In the order of their numbers."""
        for number in sorted(self._pages):
            for place, byte in enumerate(self._pages[number]):
                if byte:
                    first = (number << _PAGE_BITS) + place * 8
                    yield from (first + bit for bit in range(8) if byte >> bit & 1)

    def add(self, frame: int) -> None:
        """Takes a frame."""
        number = frame >> _PAGE_BITS
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = bytearray(_PAGE_BYTES)
        byte, bit = (frame >> 3) % _PAGE_BYTES, 1 << (frame & 7)
        self._length += not page[byte] & bit
        page[byte] |= bit


def spans(
    least: float, greatest: float, total: int, count: Callable[[int, int], int], most: int
) -> Iterator[tuple[int, int]]:
    """Spans with all of `total` frames, each with at most `most` of them and no two with the same.

    `least` and `greatest` of the frames are those that a store's statistics give, which round large numbers. `count`
    tells how many frames a span has.
    """
    low, high = int(least), int(greatest)
    yield from _split(max(0, low - (low >> 50)), min(high + (high >> 50), _LARGEST), total, count, most)


def _split(low: int, high: int, total: int, count: Callable[[int, int], int], most: int) -> Iterator[tuple[int, int]]:
    if total <= most or high - low < most:
        if total:
            yield low, high
        return
    middle = (low + high) // 2
    below = count(low, middle)
    yield from _split(low, middle, below, count, most)
    yield from _split(middle + 1, high, total - below, count, most)
