"""Sets of frame numbers, and the parts in which a store is asked for them."""

import tracemalloc

import pytest

from espcap.base.frames import FrameSet, Numbering


def test_members() -> None:
    frames = FrameSet()
    members = [0, 1, 7, 8, 64, 8191, 8192, 100_000, 2**31]
    for frame in [*members, *members[:3]]:
        frames.add(frame)
    assert [
        frame for frame in [*members, 2, 63, 65, 8190, 8193, 99_999, 2**31 + 1, 2**40] if frame in frames
    ] == members
    assert len(frames) == len(members)


@pytest.mark.parametrize("frame", [2**32 - 1, 2**63, 10**30])
def test_a_large_number_takes_little_memory(frame: int) -> None:
    tracemalloc.start()
    frames = FrameSet()
    frames.add(frame)
    assert frame in frames
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_numbering() -> None:
    """Both ways, over gaps, and of frames that are not there."""
    numbering = Numbering()
    members = [3, 4, 5, 9, 10, 2**40]
    for frame in members:
        numbering.add(frame)
    assert len(numbering) == len(members)
    assert [numbering.frame(place) for place in range(1, 7)] == members
    assert [numbering.position(frame) for frame in members] == [1, 2, 3, 4, 5, 6]
    assert [numbering.position(frame) for frame in (1, 2, 6, 8, 11, 2**40 - 1, 2**40 + 1)] == [None] * 7
    assert list(numbering.runs()) == [(3, 5), (9, 10), (2**40, 2**40)]


def test_numbering_of_many_takes_little_memory() -> None:
    tracemalloc.start()
    numbering = Numbering()
    for frame in range(5, 100_000):
        numbering.add(frame)
    assert tracemalloc.get_traced_memory()[1] < 10_000
    tracemalloc.stop()
    assert Numbering().position(1) is None


def test_may_contain() -> None:
    frames = FrameSet()
    frames.add(100_000)
    assert frames.may_contain(90_000, 100_000)
    assert frames.may_contain(1, None)
    assert not frames.may_contain(1, 50_000)
    assert not frames.may_contain(200_000, None)


@pytest.mark.parametrize("first", [0, 5, 8190, 8191, 8192, 20_000])
@pytest.mark.parametrize("length", [1, 2, 8, 9, 100, 8192, 20_000])
def test_runs(first: int, length: int) -> None:
    """They are added to what is there."""
    frames = FrameSet()
    for frame in (0, 7, 8192, 30_000):
        frames.add(frame)
    frames.add_run(first, first + length - 1)
    expected = sorted({0, 7, 8192, 30_000, *range(first, first + length)})
    assert [*frames] == expected
    assert (len(frames), frames.greatest) == (len(expected), expected[-1])
