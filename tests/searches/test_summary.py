"""Time steps and summaries of packets."""

from pathlib import Path

import pytest

from espcap.query import Equals, Everything
from espcap.searches.summary import MOST_STEPS, count_over_time, step_of, summarize, time_span
from espcap.stores.local.store import LocalStore
from tests.support.documents import make
from tests.support.small_registry import small_registry


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    opened = LocalStore(tmp_path / "index", small_registry(tmp_path))
    opened.prepare()
    opened.write([make(number, protocol="dns" if number == 3 else "tcp") for number in range(1, 5)])
    return opened


@pytest.mark.parametrize(
    ("milliseconds", "step"),
    [
        *((0, "1ms"), (58, "1ms"), (59, "2ms"), (1000, "20ms"), (58_999, "1s"), (59_000, "2s")),
        *((3_600_000, "2m"), (86_400_000, "30m"), (59 * 43_200_000, "1d"), (100 * 86_400_000, "2d")),
    ],
)
def test_steps(milliseconds: int, step: str) -> None:
    assert step_of(milliseconds) == step


@pytest.mark.parametrize("days", [1, 29, 30, 58, 59, 60, 117, 118, 3650])
def test_no_more_steps_than_allowed(days: int) -> None:
    step = step_of(days * 86_400_000)
    length = int(step[:-1]) * {"m": 60_000, "h": 3_600_000, "d": 86_400_000}[step[-1]]
    assert days * 86_400_000 // length + 2 <= MOST_STEPS + 1


def test_summarize(store: LocalStore) -> None:
    found = summarize(store, Everything(), 1)
    assert (found["packets"], found["first"][11:], found["last"][11:]) == (4, "01:00:12.000Z", "04:00:12.000Z")
    assert [(each["value"], each["packets"]) for each in found["protocols"]] == [("tcp", 3)]
    assert sum(step["packets"] for step in found["over_time"]) == 4


def test_nothing_to_summarize(store: LocalStore) -> None:
    nothing: dict[str, object] = {"first": None, "last": None, "interval": None, "over_time": []}
    assert count_over_time(store, Equals("protocol", "none"), {"count": 0}) == nothing


def test_time_span(store: LocalStore, tmp_path: Path) -> None:
    span = time_span(store)
    assert span
    assert [time[11:] for time in span] == ["01:00:12.000Z", "04:00:12.001Z"]
    empty = LocalStore(tmp_path / "empty", small_registry(tmp_path))
    empty.prepare()
    assert time_span(empty) is None
