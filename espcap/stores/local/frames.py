"""Looks many frame numbers up in a set at once."""

import numpy as np

from espcap.base.arrays import Array
from espcap.base.frames import PAGE_BITS, FrameSet


def contained(frames: FrameSet, numbers: Array) -> Array:
    """Returns for each frame number whether it is in the set."""
    numbers = numbers.astype("i8", copy=False)
    pages, places = np.unique(numbers >> PAGE_BITS, return_inverse=True)
    bits = np.frombuffer(b"".join(map(frames.page, pages.tolist())), "u1").reshape(len(pages), 1 << PAGE_BITS - 3)
    found: Array = bits[places, (numbers & (1 << PAGE_BITS) - 1) >> 3] >> (numbers & 7) & 1
    return found.astype(bool)
