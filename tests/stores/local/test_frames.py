"""Many frame numbers are looked up at once, with the same answers as one by one."""

import numpy as np
import pytest

from espcap.base.frames import FrameSet
from espcap.stores.local.frames import contained


@pytest.mark.parametrize(
    "members", [[], [0], [7, 8, 8191, 8192, 8193], [5, 100_000, 2**40, 2**62], [*range(3, 20_000)]]
)
def test_as_one_by_one(members: list[int]) -> None:
    frames = FrameSet()
    for frame in members:
        frames.add(frame)
    asked = np.array([0, 1, 7, 8, 9, 5, 8190, 8191, 8192, 8193, 19_999, 20_000, 100_000, 2**40, 2**62, 2**62 + 1])
    assert contained(frames, asked).tolist() == [frame in frames for frame in asked.tolist()]


def test_none_are_asked_for() -> None:
    assert contained(FrameSet(), np.zeros(0, "i8")).tolist() == []
