"""The first packets of a sort, from one file after the other."""

import numpy as np
import pytest

from espcap.fields.registry import Registry
from espcap.stores.local.conditions import View
from espcap.stores.local.sorting import First, Sort
from tests.stores.local.conftest import Write
from tests.support.documents import make

PORT = "layers.tcp.srcport"


def order(sort: Sort, wanted: int, views: list[View]) -> list[int]:
    """The frame numbers of the first packets."""
    first = First(sort, wanted)
    for view in views:
        first.add("packets-2015-07-30", view, np.ones(view.length, bool))
    return [candidate.ties[1] for candidate in first.found()]


@pytest.fixture
def views(write: Write, packet_registry: Registry) -> list[View]:
    """Two files: packets without, with one, and with several values."""
    files = [
        write(make(1, tcp={"srcport": 5}), make(2), make(3, tcp={"srcport": [1, 9]})),
        write(make(4, tcp={"srcport": 7}), make(5, tcp={"srcport": 5}), make(6)),
    ]
    return [View(segment, packet_registry.kind) for segment in files]


@pytest.mark.parametrize(
    ("descending", "expected"),
    [(False, [3, 1, 5, 4, 2, 6]), (True, [3, 4, 1, 5, 2, 6])],
    ids=["ascending", "descending"],
)
def test_order(descending: bool, expected: list[int], views: list[View]) -> None:
    """The least value counts, or the greatest; packets without one are last; equal ones are in the order of frames."""
    for wanted in range(7):
        assert order([(PORT, descending)], wanted, views) == expected[:wanted]
        assert order([(PORT, descending)], wanted, views[::-1]) == expected[:wanted]


def test_second_path(views: list[View]) -> None:
    assert order([(PORT, False), ("@timestamp", True)], 6, views) == [3, 5, 1, 4, 6, 2]


def test_addresses_and_texts(write: Write, packet_registry: Registry) -> None:
    addresses, uris = ["192.0.2.10", "192.0.2.9", "2001:db8::1"], ["b", "", "B"]
    packets = [
        make(number, ip={"src": address}, http={"request_uri": uri})
        for number, address, uri in zip((1, 2, 3), addresses, uris, strict=True)
    ]
    view = View(write(*packets), packet_registry.kind)
    assert order([("layers.http.request_uri", False)], 3, [view]) == [2, 3, 1]
    assert order([("layers.ip.src", True)], 2, [view]) == [3, 1]


def test_files_with_later_packets_are_not_needed(views: list[View]) -> None:
    first = First([("@timestamp", False)], 2)
    assert first.needs(views[1])
    first.add("packets-2015-07-30", views[0], np.ones(3, bool))
    assert not first.needs(views[1])
    assert first.needs(views[0])
