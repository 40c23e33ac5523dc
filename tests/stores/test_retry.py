"""How long ElasticsearchStore waits, with a clock that only its own waits move."""

import time

import pytest

from espcap.base.errors import StoreError
from espcap.stores.elasticsearch.retry import Notice, Patience, Retry

FAILURE = StoreError("http://es:9200 is away", "start it")


class Clock:
    """Stands in for `time`."""

    def __init__(self) -> None:
        self.now = time.monotonic()
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    monkeypatch.setattr(time, "sleep", made.sleep)
    return made


def wait_out(patience: Patience, **how: bool) -> StoreError:
    for _ in range(10_000):
        try:
            patience.wait(FAILURE, **how)
        except StoreError as ended:
            return ended
    raise AssertionError("it has no end")


def test_waits_double_from_one_second_to_sixty_with_jitter() -> None:
    for failures, (low, high) in enumerate([(1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (30, 60), (30, 60)]):
        waits = {Retry().wait(failures) for _ in range(200)}
        assert low <= min(waits) < max(waits) <= high
        assert len(waits) > 100
    assert Retry().wait(10**9) <= 60


def test_patience_ends_after_its_time_with_a_last_try(clock: Clock) -> None:
    ended = wait_out(Patience(Retry(give_up_after=300), Notice("es", lambda note: None)))
    assert (ended.message, ended.hint) == ("http://es:9200 is away; gave up after 300 s", "start it")
    assert sum(clock.waits) == pytest.approx(300, abs=5)
    assert len(clock.waits) < 20


def test_patience_without_end(clock: Clock) -> None:
    patience = Patience(Retry(give_up_after=float("inf")), Notice("es", lambda note: None))
    for _ in range(2000):
        patience.wait(FAILURE)
    assert sum(clock.waits) > 30 * 1900


def test_progress_begins_anew(clock: Clock) -> None:
    patience = Patience(Retry(give_up_after=100), Notice("es", lambda note: None))
    for _ in range(100):
        patience.wait(FAILURE)
        patience.progress()
    assert max(clock.waits) <= 2
    assert sum(clock.waits) >= 100


def test_full_disk_is_given_thirty_seconds_at_least(clock: Clock) -> None:
    wait_out(Patience(Retry(give_up_after=1000), Notice("es", lambda note: None)), disk_is_full=True)
    assert min(clock.waits[:-1]) >= 30


def test_notes(clock: Clock) -> None:
    notes: list[str] = []
    patience = Patience(Retry(give_up_after=float("inf"), first=10, longest=10), Notice("http://es:9200", notes.append))
    patience.progress()
    patience.wait(FAILURE, quiet=True)
    assert notes == []
    for disk_is_full in (False, False, True, True, False):
        patience.wait(FAILURE, disk_is_full)
    patience.progress()
    away = "http://es:9200 is away; waiting (start it)"
    assert notes == [away, away, f"http://es:9200 is back after {sum(clock.waits):.0f} s"]


def test_several_requests_that_wait_are_one_notice(clock: Clock) -> None:
    notes: list[str] = []
    notice = Notice("es", notes.append)
    first, second = Patience(Retry(), notice), Patience(Retry(), notice)
    first.wait(FAILURE)
    second.wait(FAILURE)
    first.progress()
    second.progress()
    assert [note.rpartition(" after ")[0] or note for note in notes] == [
        "http://es:9200 is away; waiting up to 300 s (start it)",
        "es is back",
    ]
