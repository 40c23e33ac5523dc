"""Groups of flows at regular intervals, against Python's own statistics."""

import random
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from espcap.base.errors import UsageError
from espcap.base.times import SECOND, timestamp
from espcap.documents.packets import Document
from espcap.documents.types import FLOWS
from espcap.query import Everything
from espcap.searches import intervals
from espcap.searches.intervals import regular_groups
from espcap.searches.searcher import Searcher
from espcap.stores.local.store import LocalStore
from espcap.tshark.program import find_program
from tests.support import documents
from tests.support.small_registry import small_registry

START = 1_714_557_600 * SECOND
PATHS = ["source.ip", "destination.ip", "destination.port"]


def flow(number: int, second: float, server: str, port: int = 443) -> Document:
    time = START + round(second * SECOND)
    source: dict[str, Any] = {
        "@timestamp": timestamp(time),
        "capture_id": "c",
        "type": "flow",
        "source": {"ip": "192.0.2.1"},
        "destination": {"ip": server, "port": port},
    }
    return Document(FLOWS.index("2024-05-01"), FLOWS.identifier("c", number), source, orjson.dumps(source), time)


def searcher(folder: Path, flows: list[Document]) -> Searcher:
    folder.mkdir(exist_ok=True)
    registry = small_registry(folder, documents.FIELDS)
    store = LocalStore(folder / "index", registry)
    store.prepare()
    store.write(flows)
    store.flush()
    return Searcher(find_program(), registry, store).of_type(FLOWS)


def seconds(server: str, choose: random.Random) -> list[float]:
    match server:
        case "198.51.100.1":  # a beacon with little jitter
            return [60 * place + choose.uniform(-2, 2) for place in range(20)]
        case "198.51.100.2":  # exact
            return [10.5 * place for place in range(6)]
        case "198.51.100.3":  # a person
            return sorted(choose.uniform(0, 3600) for _ in range(40))
        case _:  # regular, but too few
            return [30.0 * place for place in range(4)]


@pytest.mark.parametrize("page_size", [3, 2000])
def test_regular_groups(page_size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "_PAGE", page_size)
    choose = random.Random(7)
    times = {f"198.51.100.{last}": seconds(f"198.51.100.{last}", choose) for last in (1, 2, 3, 4)}
    pairs = [(second, server) for server, each in times.items() for second in each]
    choose.shuffle(pairs)
    flows = [flow(number, second, server) for number, (second, server) in enumerate(pairs, 1)]
    found = regular_groups(searcher(tmp_path, flows), Everything(), PATHS)
    assert [group["destination.ip"] for group in found] == ["198.51.100.2", "198.51.100.1"]
    for group in found:
        moments = times[group["destination.ip"]]
        waits = [later - earlier for earlier, later in pairwise(moments)]
        assert group["count"] == len(moments)
        assert group["interval.mean"] == pytest.approx(statistics.mean(waits), abs=1e-5)
        assert group["interval.deviation"] == pytest.approx(statistics.pstdev(waits), abs=1e-5)


def test_ports_are_different_groups(tmp_path: Path) -> None:
    flows = [flow(number, 60 * number, "198.51.100.1", 443 + number % 3) for number in range(1, 13)]
    assert regular_groups(searcher(tmp_path, flows), Everything(), PATHS) == []
    assert len(regular_groups(searcher(tmp_path / "other", flows), Everything(), PATHS[:2])) == 1


def test_at_the_same_time(tmp_path: Path) -> None:
    """No interval is not a regular one."""
    flows = [flow(number, 0, "198.51.100.1") for number in range(1, 13)]
    assert regular_groups(searcher(tmp_path, flows), Everything(), PATHS) == []


def test_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "_MOST_DOCUMENTS", 3)
    flows = [flow(number, number, "198.51.100.1") for number in range(1, 6)]
    with pytest.raises(UsageError, match="more than 3 flows match"):
        regular_groups(searcher(tmp_path, flows), Everything(), PATHS)
