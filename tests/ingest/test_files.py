"""How one capture file is read: once, also if another process reads it, and not again if the store has it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.captures.sources import CaptureFile, NotACapture, capture_file
from espcap.ingest.ahead import Ahead
from espcap.ingest.checkpoints import Checkpoints
from espcap.ingest.dead_letters import DeadLetters
from espcap.ingest.digests import Digests
from espcap.ingest.files import Files
from espcap.ingest.job import Job, Listener
from espcap.ingest.report import Severity
from espcap.ingest.transfer import Transfer
from tests.support import MemoryStore, fake_programs
from tests.support.command import CAPTURES

pytest_plugins = ["tests.support.core_fixtures"]


def found(path: Path) -> CaptureFile:
    source = capture_file(str(path))
    assert isinstance(source, CaptureFile)
    return source


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def transfer(job: Job, store: MemoryStore) -> Transfer:
    return Transfer(replace(job, jobs=1), store, Listener(), DeadLetters(Path("/dev/null")))


@pytest.fixture
def checkpoints(store: MemoryStore, tmp_path: Path) -> Iterator[Checkpoints]:
    def fail(error: EspcapError) -> None:
        raise error

    made = Checkpoints(tmp_path / "ledger.sqlite", store, Digests("work", "settings"), fail)
    yield made
    made.close()


def files(transfer: Transfer, checkpoints: Checkpoints | None = None) -> Files:
    return Files(transfer, checkpoints, Ahead(transfer.job))


def counts(transfer: Transfer) -> tuple[int, int, int, int]:
    report = transfer.report
    return report.files, report.read, report.stored, report.done_before


def test_a_file_that_is_stored_is_not_read_again(transfer: Transfer, checkpoints: Checkpoints, tmp_path: Path) -> None:
    reader = files(transfer, checkpoints)
    reader.read(found(CAPTURES / "arp.pcap"))
    assert counts(transfer) == (1, 6, 6, 0)
    checkpoints.settle()
    copy = tmp_path / "copy.pcap"
    copy.write_bytes((CAPTURES / "arp.pcap").read_bytes())
    transfer.job = replace(transfer.job, program=fake_programs.shell(tmp_path, "exit 9"))  # tshark would fail
    reader.read(found(CAPTURES / "arp.pcap"))
    reader.read(found(copy))
    assert counts(transfer) == (3, 18, 6, 2)
    assert transfer.report.problems == []


def test_a_capture_that_another_process_reads(transfer: Transfer, checkpoints: Checkpoints, tmp_path: Path) -> None:
    source = found(CAPTURES / "arp.pcap")
    with source.open() as file:
        content = source.identify(file)
    other = Checkpoints(tmp_path / "ledger.sqlite", transfer.sink, Digests("work"), print)  # type: ignore[arg-type]
    assert other.take(content)
    reader = files(transfer, checkpoints)
    reader.read(source)
    assert reader.deferred == [(source, content)]
    assert counts(transfer) == (0, 0, 0, 0)
    other.close()


def test_a_capture_that_is_stored_in_part_is_read_again(
    transfer: Transfer, checkpoints: Checkpoints, store: MemoryStore
) -> None:
    store.refused_frames = frozenset([3])
    source = found(CAPTURES / "arp.pcap")
    files(transfer, checkpoints).read(source)
    checkpoints.settle()
    assert (transfer.report.stored, transfer.report.refused) == (5, 1)
    assert not checkpoints.is_known(source)
    with source.open() as file:
        assert checkpoints.take(source.identify(file))


def test_a_failure_releases_the_claim(transfer: Transfer, checkpoints: Checkpoints, tmp_path: Path) -> None:
    transfer.job = replace(transfer.job, program=replace(transfer.job.program, path=str(tmp_path / "missing")))
    source = found(CAPTURES / "arp.pcap")
    with pytest.raises(EspcapError, match=r"cannot run .*missing"):
        files(transfer, checkpoints).read(source)
    other = Checkpoints(tmp_path / "ledger.sqlite", transfer.sink, Digests("work"), print)  # type: ignore[arg-type]
    with source.open() as file:
        assert other.take(source.identify(file))
    other.close()


def test_an_empty_file(transfer: Transfer, tmp_path: Path) -> None:
    (tmp_path / "empty.pcap").touch()
    files(transfer).read(found(tmp_path / "empty.pcap"))
    assert counts(transfer) == (1, 0, 0, 0)
    [problem] = transfer.report.problems
    assert (problem.severity, problem.message) == (Severity.NOTE, f"{tmp_path}/empty.pcap is empty (0 bytes)")


def test_a_file_that_is_not_a_capture(transfer: Transfer, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a capture")
    with pytest.raises(NotACapture, match="text is not a capture"):
        files(transfer).read(found(tmp_path / "text"))


def test_a_tshark_that_was_killed_from_outside(
    transfer: Transfer, checkpoints: Checkpoints, store: MemoryStore, tmp_path: Path
) -> None:
    """No packet is at fault, so none is left out; the file is to be read again.

    The tshark that prints the packets is killed, not the one that prints their columns (`-e frame.number`).
    """
    real, mark = transfer.job.program.path, tmp_path / "mark"
    killed = f'touch {mark}; {real} "$@" | head -n 3000; kill -KILL $$'
    text = f'case "$*" in *"-e frame.number"*) ;; *) [ -e {mark} ] || {{ {killed}; }};; esac; exec {real} "$@"'
    transfer.job = replace(transfer.job, program=fake_programs.shell(tmp_path, text))
    source = found(CAPTURES / "dns.pcap")
    files(transfer, checkpoints).read(source)
    assert 0 < transfer.report.read == transfer.report.stored == len(store.documents) < 24
    [problem] = transfer.report.problems
    message = f"{source.name}: tshark was killed by SIGKILL after {transfer.report.read} packets"
    assert (problem.severity, problem.message) == (Severity.FAILED, message)
    checkpoints.settle()
    assert not checkpoints.is_known(source)
