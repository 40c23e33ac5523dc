"""Checkpoints: which captures of a local index need not be read, with a real ledger and real claims."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest

from espcap.captures.sources import CaptureFile, capture_file
from espcap.ingest.checkpoints import Checkpoints
from espcap.ingest.digests import Digests
from espcap.ingest.ledger import LedgerError
from espcap.stores.local.store import LocalStore
from tests.support import documents
from tests.support.command import CAPTURES

CONTENT, INDEX = "ab" * 16, f"packets-{documents.FIRST}"
PLAIN = Digests("work", "one")


@dataclass
class Result:
    """How the dissection of a capture ended."""

    packets: int = 3
    indices: frozenset[str] = field(default_factory=lambda: frozenset([INDEX]))
    replaced: int = 0


Opener = Callable[..., Checkpoints]


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def opened(store: LocalStore, tmp_path: Path, failures: list[str]) -> Iterator[Opener]:
    made: list[Checkpoints] = []

    def note(error: LedgerError) -> None:
        failures.append(error.message)

    def open_one(digests: Digests = PLAIN, again: bool = False) -> Checkpoints:
        made.append(Checkpoints(tmp_path / "ledger.sqlite", store, digests, note, again))
        return made[-1]

    yield open_one
    for each in made:
        each.close()


@pytest.fixture
def file(tmp_path: Path) -> CaptureFile:
    path = tmp_path / "a.pcap"
    path.write_bytes((CAPTURES / "arp.pcap").read_bytes())
    return found(path)


def found(path: Path) -> CaptureFile:
    source = capture_file(str(path))
    assert isinstance(source, CaptureFile)
    return source


def write(store: LocalStore, capture: str, settings_id: str = "one", count: int = 3) -> None:
    more = {"settings_id": settings_id} if settings_id else {}
    made = [documents.make(number, capture=capture) for number in range(1, count + 1)]
    bodies = [replace(each, body=orjson.dumps(each.source | more), settings_id=settings_id) for each in made]
    store.write(bodies)


def record(opened: Opener, store: LocalStore, file: CaptureFile) -> Checkpoints:
    """Stores the packets of the capture, and records it."""
    write(store, CONTENT)
    checkpoints = opened()
    checkpoints.add(file, CONTENT, Result())
    checkpoints.settle()
    return checkpoints


def test_a_capture_is_known_after_it_was_recorded(opened: Opener, store: LocalStore, file: CaptureFile) -> None:
    write(store, CONTENT)
    checkpoints = opened()
    checkpoints.add(file, CONTENT, Result())
    assert not checkpoints.is_known(file)
    checkpoints.settle()
    assert checkpoints.packets_of_file(file) == 3
    assert opened().packets_of_file(file) == 3
    assert opened(Digests("other work", "one")).packets_of_file(file) is None
    assert opened(again=True).packets_of_file(file) is None


def test_packets_are_durable_before_a_capture_is_recorded(opened: Opener, store: LocalStore, file: CaptureFile) -> None:
    write(store, CONTENT)
    assert store.not_durable().stored == 3
    checkpoints = opened()
    checkpoints.add(file, CONTENT, Result())
    checkpoints.settle()
    assert store.not_durable().stored == 0


def test_a_copy_is_known_by_its_content(opened: Opener, store: LocalStore, file: CaptureFile, tmp_path: Path) -> None:
    checkpoints = record(opened, store, file)
    copy = tmp_path / "copy.pcap"
    copy.write_bytes(Path(file.path).read_bytes())
    assert checkpoints.packets_of_file(found(copy)) is None
    assert checkpoints.packets_of_content(CONTENT, found(copy)) == 3
    checkpoints.settle()
    assert checkpoints.packets_of_file(found(copy)) == 3


def test_a_file_that_has_changed(opened: Opener, store: LocalStore, file: CaptureFile) -> None:
    checkpoints = record(opened, store, file)
    Path(file.path).write_bytes((CAPTURES / "dns.pcap").read_bytes())
    assert not checkpoints.is_known(found(Path(file.path)))


def test_a_claim_lasts_until_the_capture_is_recorded(opened: Opener, store: LocalStore, file: CaptureFile) -> None:
    mine, other = opened(), opened()
    assert mine.take(CONTENT)
    assert not other.take(CONTENT)
    write(store, CONTENT)
    mine.add(file, CONTENT, Result())
    assert not other.take(CONTENT)
    mine.settle()
    assert other.take(CONTENT)


def test_a_file_to_read_ahead_is_claimed(opened: Opener, file: CaptureFile) -> None:
    mine, other = opened(), opened()
    assert mine.claim(file)
    assert not other.claim(file)


def test_an_index_that_is_lost(opened: Opener, store: LocalStore, file: CaptureFile) -> None:
    checkpoints = record(opened, store, file)
    assert checkpoints.verify() == 0
    store.delete(INDEX)
    assert checkpoints.verify() == 1
    assert not checkpoints.is_known(file)


def test_packets_that_were_replaced_with_other_settings(opened: Opener, store: LocalStore, file: CaptureFile) -> None:
    checkpoints = record(opened, store, file)
    assert checkpoints.verify_settings() == 0
    write(store, CONTENT, "two", count=1)
    assert opened(again=True).verify_settings() == 0
    assert checkpoints.verify_settings() == 1
    assert not checkpoints.is_known(file)


def test_the_rest_of_a_replaced_capture_is_deleted(opened: Opener, store: LocalStore, file: CaptureFile) -> None:
    """An earlier run stored five packets; this one has replaced the three that the capture has now."""
    write(store, CONTENT, "one", count=5)
    write(store, CONTENT, "two", count=3)
    checkpoints = opened(Digests("work", "two"))
    checkpoints.add(file, CONTENT, Result(replaced=3))
    checkpoints.settle()
    assert [day.documents for day in store.days()] == [3]


def test_packets_of_an_earlier_version_are_deleted(opened: Opener, store: LocalStore, file: CaptureFile) -> None:
    """It gave another identifier to compressed captures."""
    write(store, "earlier", "")
    write(store, CONTENT)
    checkpoints = opened()
    checkpoints.add(file, CONTENT, Result(), earlier="earlier")
    checkpoints.settle()
    assert checkpoints.moved == 3
    assert [day.documents for day in store.days()] == [3]


def test_another_version_stored_it(opened: Opener, store: LocalStore, file: CaptureFile) -> None:
    write(store, CONTENT)
    first = opened()
    first.add(file, CONTENT, Result())
    first.settle()
    later = opened(Digests("work", "two"))
    assert later.is_known(file)
    assert later.outdated == {CONTENT}


def test_a_damaged_ledger_is_reported_once(
    opened: Opener, tmp_path: Path, file: CaptureFile, failures: list[str]
) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, and longer than the header of one" * 20)
    checkpoints = opened()
    assert not checkpoints.is_known(file)
    checkpoints.add(file, CONTENT, Result())
    checkpoints.settle()
    assert [message.partition("ledger.sqlite ")[2] for message in failures] == [
        "cannot be used: file is not a database"
    ]
