import os
import resource
from collections.abc import Iterator

import pytest

from espcap.tshark.waiting import readable


@pytest.fixture
def pipes() -> Iterator[list[tuple[int, int]]]:
    """Two pipes whose descriptors are above those that `select` takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1100), hard))
    low = [os.pipe() for _ in range(2)]
    high = [
        (os.dup2(reading, 1030 + 2 * n), os.dup2(writing, 1031 + 2 * n)) for n, (reading, writing) in enumerate(low)
    ]
    yield high
    for pair in (*low, *high):
        for descriptor in pair:
            os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_large_descriptors(pipes: list[tuple[int, int]]) -> None:
    (first, _), (second, into_second) = pipes
    assert readable([first, second], 0) == []
    os.write(into_second, b"x")
    assert readable([first, second], 10) == [second]


def test_an_end_is_something_to_read() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    assert readable([reading], 10) == [reading]
    os.close(reading)
