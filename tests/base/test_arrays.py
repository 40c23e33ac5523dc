"""Distinct texts in one piece of memory."""

import numpy as np

from espcap.base.arrays import Texts


def test_decode() -> None:
    content = "aä\0€".encode()
    assert Texts(np.array([1, 1, 3, 7], "u4"), memoryview(content)).decode() == ["a", "", "ä", "\0€"]
    assert Texts(np.zeros(0, "u4"), memoryview(b"")).decode() == []
