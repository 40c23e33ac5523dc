"""Words in many texts at once."""

import numpy as np
import pyarrow as pa
import pytest

from espcap.stores.local.segment import Values
from espcap.stores.local.words import containing

TEXTS = [
    "GET /index.html",
    "Client Hello",
    "hello client",
    "",
    "say hello, Client",
    "othello",
    "\u212aelvin",
    "GRÜSSE",
]


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (["hello"], [1, 2, 4]),
        (["hello", "client"], [2, 4]),
        (["client", "hello"], [1]),
        (["hell"], []),
        (["kelvin"], [6]),
        (["grüsse"], [7]),
        ([], []),
    ],
)
@pytest.mark.parametrize("skipped", [0, 1])
def test_containing(wanted: list[str], places: list[int], skipped: int) -> None:
    """Also if the texts are a part of a larger array."""
    words = pa.array(["hello client"] * skipped + TEXTS, pa.string()).slice(skipped)
    values = Values(None, np.arange(len(TEXTS), dtype="i4"), words)
    assert np.flatnonzero(containing(values, wanted)).tolist() == places
