"""Batches on their way: how many, in which order, and what becomes of them when one fails."""

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from espcap.base.errors import StoreError
from espcap.ingest import batches as room
from espcap.ingest.batches import Batches
from espcap.ingest.dead_letters import DeadLetters
from espcap.ingest.report import Report
from espcap.sinks import Outcome
from tests.support import MemoryStore
from tests.support.documents import make


@dataclass
class HeldStore(MemoryStore):
    """Begins a write and ends it only when it may."""

    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may_end: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    running: int = 0
    most: int = 0

    def write(self, batch: Any, outcome: Outcome | None = None) -> Outcome:
        self.running += 1
        self.most = max(self.most, self.running)
        self.begun.release()
        assert self.may_end.acquire(timeout=20)
        self.running -= 1
        return super().write(batch, outcome)


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.fixture
def letters(tmp_path: Path) -> DeadLetters:
    return DeadLetters(tmp_path / "letters")


def fill(batches: Batches, count: int, first: int = 1) -> None:
    for number in range(first, first + count):
        batches.add(make(number))
        batches.write_if_due()


def fill_and_finish(batches: Batches) -> None:
    fill(batches, 50)
    batches.finish()


def test_reading_goes_on_while_batches_wait(letters: DeadLetters, report: Report) -> None:
    """Four may be on their way; each is stored when the one before is."""
    store = HeldStore(writes_at_once=1, batches_ahead=4)
    with Batches(store, letters, report, 10) as batches:
        fill(batches, 40)  # would wait for ever if batches did not
        assert store.begun.acquire(timeout=20)
        assert not store.begun.acquire(timeout=0.2)
        assert not batches.is_empty
        for _ in range(4):
            store.may_end.release()
        batches.finish()
    assert (store.batches, store.most, report.stored) == ([10] * 4, 1, 40)
    assert [int(identifier.rpartition("-")[2]) for identifier in store.documents] == list(range(1, 41))


@pytest.mark.parametrize(("ahead", "bytes_ahead"), [(2, 1 << 30), (9, 1)])
def test_reading_waits_for_too_many_or_too_large(
    ahead: int, bytes_ahead: int, letters: DeadLetters, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LARGEST_WAITING", bytes_ahead)
    store = HeldStore(writes_at_once=1, batches_ahead=ahead)
    allowed = ahead if bytes_ahead > 1 else 1
    with Batches(store, letters, report, 10) as batches:
        fill(batches, 10 * allowed)
        waiting = threading.Thread(target=fill, args=(batches, 10, 1000))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        for _ in range(allowed + 1):
            store.may_end.release()
        waiting.join(20)
        batches.finish()
    assert report.stored == 10 * (allowed + 1)


def test_two_at_once(letters: DeadLetters, report: Report) -> None:
    store = HeldStore(writes_at_once=2)
    with Batches(store, letters, report, 10) as batches:
        fill(batches, 20)
        assert store.begun.acquire(timeout=20)
        assert store.begun.acquire(timeout=20)
        store.may_end.release()
        store.may_end.release()
        batches.finish()
    assert (store.most, report.stored) == (2, 20)


def test_documents_behind_a_failed_batch_are_not_stored(letters: DeadLetters, report: Report) -> None:
    class Failing(HeldStore):
        def write(self, batch: Any, outcome: Outcome | None = None) -> Outcome:
            super().write(batch, outcome)
            if len(self.batches) == 2:
                raise StoreError("full", "make room")
            return Outcome()

    store = Failing(writes_at_once=1, batches_ahead=9)
    for _ in range(5):
        store.may_end.release()
    with pytest.raises(StoreError, match="full"), Batches(store, letters, report, 10) as batches:
        fill_and_finish(batches)
    assert store.batches == [10, 10]


def test_after_a_failure_no_thread_begins_another_batch(letters: DeadLetters, report: Report) -> None:
    class Failing(HeldStore):
        def write(self, batch: Any, outcome: Outcome | None = None) -> Outcome:
            if batch[0].frame_number > 1:
                return super().write(batch, outcome)
            assert self.begun.acquire(timeout=20)  # the other thread is in `write`
            raise StoreError("full", "make room")

    store = Failing(writes_at_once=2, batches_ahead=9)

    def fill_and_release(batches: Batches) -> None:
        try:
            fill_and_finish(batches)
        finally:
            store.may_end.release()

    with pytest.raises(StoreError, match="full"), Batches(store, letters, report, 10) as batches:
        fill_and_release(batches)
    assert (store.batches, report.stored) == ([10], 10)


def test_no_thread_is_left(letters: DeadLetters, report: Report) -> None:
    before = set(threading.enumerate())
    with Batches(MemoryStore(writes_at_once=2), letters, report, 10) as batches:
        fill_and_finish(batches)
    deadline = time.monotonic() + 20
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= before  # a thread of an earlier test may have ended meanwhile
    assert report.stored == 50


HANGING = """
import sys, threading
from pathlib import Path
from espcap.ingest.batches import Batches
from espcap.ingest.dead_letters import DeadLetters
from espcap.ingest.report import Report
from tests.support.documents import make
from tests.support import MemoryStore

class Hanging(MemoryStore):
    def write(self, batch, outcome=None):
        threading.Event().wait()

with Batches(Hanging(writes_at_once=1), DeadLetters(Path(sys.argv[1])), Report(), 1) as batches:
    batches.add(make(1))
    batches.write_if_due()
    raise KeyboardInterrupt
"""


def test_a_store_that_hangs_does_not_keep_an_interrupted_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HANGING, str(tmp_path / "letters")]
    ended = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert b"KeyboardInterrupt" in ended.stderr
