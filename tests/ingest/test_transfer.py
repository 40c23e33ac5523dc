"""The loop over the packets of one tshark, with a real tshark, and how its end is judged."""

from dataclasses import replace
from pathlib import Path

import pytest

from espcap.captures.sources import CaptureFile, NotACapture, capture_file
from espcap.documents.packets import Origin
from espcap.ingest.dead_letters import DeadLetters
from espcap.ingest.digests import Digests
from espcap.ingest.job import Job, Listener
from espcap.ingest.report import Severity
from espcap.ingest.transfer import Transfer, TransferResult
from espcap.tshark.output import read_file
from espcap.tshark.process import Exit
from tests.support import MemoryStore
from tests.support.command import CAPTURES

pytest_plugins = ["tests.support.core_fixtures"]

ORIGIN = Origin("c0ffee", "http_xml.pcap", 0.0)


@pytest.fixture
def source() -> CaptureFile:
    found = capture_file(str(CAPTURES / "http_xml.pcap"))
    assert isinstance(found, CaptureFile)
    return found


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def transfer_into(store: MemoryStore, job: Job, listener: Listener | None = None) -> Transfer:
    return Transfer(job, store, listener or Listener(), DeadLetters(Path("/dev/null")))


def run(
    transfer: Transfer, source: CaptureFile, after: int = 0, without: frozenset[int] = frozenset()
) -> TransferResult:
    job = transfer.job
    with source.open() as file:
        return transfer.run(read_file(job.program, job.settings, file, job.user, 60), ORIGIN, after, without)


def test_all_packets(job: Job, source: CaptureFile, store: MemoryStore) -> None:
    stored: list[int] = []
    progress: list[tuple[int, int]] = []
    listener = Listener(
        on_progress=lambda position, packets: progress.append((position, packets)),
        on_stored=lambda: stored.append(len(store.documents)),
    )
    transfer = transfer_into(store, replace(job, chunk=10, digests=Digests("work", "made so")), listener)
    result = run(transfer, source)
    assert (result.packets, result.last_frame, result.replaced, result.broke) == (33, 33, 0, False)
    assert result.indices == {"packets-2024-05-01"}
    assert (transfer.report.read, transfer.report.stored) == (33, 33)
    assert stored == [10, 20, 30, 33]
    assert progress[-1] == (source.size, 33)
    assert {each["settings_id"] for each in store.sources} == {"made so"}
    assert list(store.documents) == [f"c0ffee-{number}" for number in range(1, 34)]


def test_packets_that_are_skipped(job: Job, source: CaptureFile, store: MemoryStore) -> None:
    result = run(transfer_into(store, job), source, after=20, without=frozenset([22, 33]))
    assert [document.frame_number for document in store.documents.values()] == [21, *range(23, 33)]
    assert (result.packets, result.last_frame) == (11, 32)


def test_an_interrupted_run_does_not_begin(job: Job, source: CaptureFile, store: MemoryStore) -> None:
    transfer = transfer_into(store, job)
    transfer.signal = 2
    result = run(transfer, source)
    assert result.packets == transfer.report.read == len(store.documents) < 33


def test_two_tsharks_of_one_source() -> None:
    first = TransferResult(Exit(-11), False, 5, 5, frozenset(["packets-2024-05-01"]), 1)
    rest = TransferResult(Exit(0), False, 3, 9, frozenset(["packets-2024-05-02"]), 2)
    whole = first.followed_by(rest)
    assert first.broke
    assert not whole.broke
    assert (whole.packets, whole.last_frame, whole.replaced) == (8, 9, 3)
    assert whole.indices == {"packets-2024-05-01", "packets-2024-05-02"}


def five_packets(status: int, *messages: str, stalled: bool = False) -> TransferResult:
    return TransferResult(Exit(status, messages), stalled, 5, 5, frozenset())


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (five_packets(0), []),
        (five_packets(0, stalled=True), [(Severity.PARTIAL, "tshark made no progress for 60 s after 5 packets")]),
        (five_packets(-9), [(Severity.FAILED, "tshark was killed by SIGKILL after 5 packets")]),
        (five_packets(2, "tshark: cut short"), [(Severity.PARTIAL, "cut short, after 5 packets")]),
    ],
)
def test_how_tshark_ended(
    job: Job, source: CaptureFile, store: MemoryStore, ended: TransferResult, expected: list[tuple[Severity, str]]
) -> None:
    transfer = transfer_into(store, job)
    transfer.judge(source, ended)
    problems = transfer.report.problems
    assert [(each.severity, each.message.removeprefix(f"{source.name}: ")) for each in problems] == expected


def test_a_signal_is_no_problem(job: Job, source: CaptureFile, store: MemoryStore) -> None:
    transfer = transfer_into(store, job)
    transfer.signal = 15
    transfer.judge(source, five_packets(-15))
    assert (transfer.report.problems, transfer.report.signal) == ([], 15)


def test_a_file_that_tshark_does_not_know(job: Job, source: CaptureFile, store: MemoryStore) -> None:
    ended = Exit(2, ('tshark: The file "-" isn\'t a capture file in a format TShark understands.',))
    with pytest.raises(NotACapture, match=r"http_xml\.pcap is not a capture that tshark understands"):
        transfer_into(store, job).judge(source, TransferResult(ended, False, 0, 0, frozenset()))
