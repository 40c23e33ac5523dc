"""The order of segments, what is complete, and what dumpcap has overwritten."""

from collections import deque

from espcap.live.folder import RunFolder
from espcap.live.ring import Next, Ring, Segment
from tests.support.segments import write_segment


def taken(ring: Ring, after: Segment | None = None) -> Segment:
    segment = ring.take(after)
    assert isinstance(segment, Segment)
    return segment


def test_order_and_numbers_of_packets(ring: Ring, folder: RunFolder, dropped: list[int]) -> None:
    assert ring.take() is Next.LATER
    write_segment(folder, 1, 5)
    first = taken(ring)
    assert (first.number, first.first, ring.is_complete(first)) == (1, 0, False)
    ring.complete_one()
    write_segment(folder, 2, 3)
    assert (ring.is_complete(first), ring.packets) == (True, 5)
    second = taken(ring, first)
    assert (second.number, second.first) == (2, 5)
    ring.end()
    assert (ring.packets, ring.is_complete(second), ring.take(second)) == (8, True, Next.NEVER)
    assert dropped == []


def test_overwritten_segments_are_dropped(ring: Ring, folder: RunFolder, dropped: list[int]) -> None:
    for number, packets in ((1, 5), (2, 3), (3, 4)):
        path = write_segment(folder, number, packets)
        ring.complete_one()
        if number < 3:
            kept = path
    first = taken(ring)
    kept.unlink()
    assert ring.take(first) is Next.NEVER
    third = taken(ring)
    assert (third.number, third.first) == (3, 8)
    assert dropped == [3]


def test_a_taken_segment_stays_until_it_is_removed(ring: Ring, folder: RunFolder) -> None:
    path = write_segment(folder, 1, 5)
    segment = taken(ring)
    path.unlink()  # as dumpcap does
    with segment.open() as file:
        assert len(file.read()) > 100
    segment.packets = 5
    ring.complete_one()
    ring.remove(segment)
    assert not segment.path.exists()
    assert ring.resume == 5


def test_put_back(ring: Ring, folder: RunFolder) -> None:
    for number in (1, 2):
        write_segment(folder, number, 2)
        ring.complete_one()
    first = taken(ring)
    second = taken(ring, first)
    ring.put_back(deque([first, second]))
    assert [taken(ring).number, taken(ring).number] == [1, 2]


def test_a_later_run_knows_the_numbers(ring: Ring, folder: RunFolder, dropped: list[int]) -> None:
    for number, packets in ((1, 5), (2, 3)):
        path = write_segment(folder, number, packets)
        ring.complete_one()
    segment = taken(ring)
    segment.packets = 5
    ring.remove(segment)
    later = Ring(folder, dropped.append)
    later.load()
    found = taken(later)
    assert (found.number, found.first, later.packets, later.ended) == (2, 5, 8, True)
    assert path.exists()
    assert later.take(found) is Next.NEVER
    assert dropped == []
