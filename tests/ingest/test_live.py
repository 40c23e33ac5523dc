"""Live captures, as far as they need no right to capture: the spool, and packets that an earlier run left there."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.captures.sources import Interfaces
from espcap.ingest.dead_letters import DeadLetters
from espcap.ingest.job import Job, Listener
from espcap.ingest.live import Live
from espcap.ingest.report import Severity
from espcap.ingest.transfer import Transfer
from espcap.live.folder import RunFolder, create, left_over
from espcap.live.spool import SpoolSettings
from tests.support import MemoryStore, fake_programs
from tests.support.command import CAPTURES

pytest_plugins = ["tests.support.core_fixtures"]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def transfer(job: Job, store: MemoryStore, tmp_path: Path) -> Transfer:
    job = replace(job, spool=SpoolSettings(tmp_path / "spool"))
    return Transfer(job, store, Listener(), DeadLetters(Path("/dev/null")))


@pytest.fixture
def earlier(tmp_path: Path) -> RunFolder:
    """The folder of a run that was killed after dumpcap had written two segments."""
    folder = create(tmp_path / "spool", "earlier-host")
    for number in (1, 2):
        name = f"packets_{number:05}_2024050110000{number}.pcapng"
        shutil.copy(CAPTURES / "nanoseconds.pcapng", folder.path / name)
    folder.close(remove=False)
    [found] = left_over(tmp_path / "spool")
    return found


def test_packets_of_an_earlier_run_are_stored(transfer: Transfer, store: MemoryStore, earlier: RunFolder) -> None:
    Live(transfer)._store_left_over(earlier, None)
    count = len(store.documents)
    assert count == transfer.report.read == transfer.report.stored > 0
    assert [document.frame_number for document in store.documents.values()] == list(range(1, count + 1))
    assert {each["observer"]["hostname"] for each in store.sources} == {"earlier-host"}
    assert {each["capture_id"] for each in store.sources} == {earlier.run}
    assert not earlier.path.exists()
    [problem] = transfer.report.problems
    assert problem.severity is Severity.NOTE
    assert problem.message == f"stored {count} packets that an earlier run had left in the spool"


def test_packets_that_tshark_cannot_read_stay(transfer: Transfer, earlier: RunFolder, tmp_path: Path) -> None:
    transfer.job = replace(transfer.job, program=fake_programs.shell(tmp_path, "exit 9"))
    Live(transfer)._store_left_over(earlier, None)
    assert transfer.report.read == 0
    assert [problem.severity for problem in transfer.report.problems] == [
        Severity.PARTIAL,
        Severity.PARTIAL,
        Severity.FAILED,
        Severity.FAILED,
    ]
    assert "bytes of packets that are not stored stay in " in transfer.report.problems[-1].message
    assert len(list(earlier.path.glob("*.pcapng"))) > 0


def test_a_spool_that_cannot_be_made(transfer: Transfer, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(EspcapError, match="spool"):
        Live(transfer).read(Interfaces(("lo",)))


def test_nothing_is_running(transfer: Transfer) -> None:
    assert not Live(transfer).interrupt()
