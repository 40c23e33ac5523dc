"""Captures that are sent are kept under safe names, once, and indexed one by one."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError, UsageError
from espcap.captures.sources import CaptureFile
from espcap.ingest.report import Report
from espcap.web.uploads import Upload, Uploads
from tests.support.command import CAPTURES


class Indexer:
    """Notes the captures; waits before each until it may go on."""

    def __init__(self) -> None:
        self.report = Report()
        self.names: list[str] = []
        self.interrupted = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.failure: Exception | None = None

    def read(self, capture: CaptureFile) -> None:
        assert self.may_go_on.wait(30)
        if self.failure:
            raise self.failure
        self.names.append(Path(capture.path).name)

    def interrupt(self, signal: int) -> None:
        self.interrupted = signal
        self.may_go_on.set()


@pytest.fixture
def indexer() -> Indexer:
    return Indexer()


def send(uploads: Uploads, name: str, body: bytes) -> Upload:
    async def blocks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    return asyncio.run(uploads.receive(name, blocks()))


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "captures").iterdir())


DNS, ARP = CAPTURES / "dns.pcap", CAPTURES / "arp.pcap"


def test_names(uploads: Uploads, indexer: Indexer, tmp_path: Path) -> None:
    """The same capture is kept once; another with its name gets a number."""
    for name, capture in (("a.pcap", DNS), ("a.pcap", DNS), ("a.pcap", ARP), ("../../.b c;.pcap", ARP)):
        send(uploads, name, capture.read_bytes())
    uploads.close()
    assert kept(tmp_path) == ["a-2.pcap", "a.pcap", "b_c_.pcap"]
    assert indexer.names == ["a.pcap", "a.pcap", "a-2.pcap", "b_c_.pcap"]
    assert (tmp_path / "captures" / "a.pcap").read_bytes() == DNS.read_bytes()
    assert (tmp_path / "captures" / "a-2.pcap").read_bytes() == ARP.read_bytes()


def test_not_a_capture(uploads: Uploads, indexer: Indexer, tmp_path: Path) -> None:
    for body in (b"", b"text", b"text" * 100_000):
        with pytest.raises(UsageError, match="this is not a capture"):
            send(uploads, "a.pcap", body)
    assert kept(tmp_path) == indexer.names == []
    assert uploads.find(0) is None


def test_folder_that_cannot_be_made(indexer: Indexer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    uploads = Uploads(tmp_path / "file" / "captures", lambda listener: indexer)
    with pytest.raises(EspcapError, match=r"cannot keep the capture in .*: Not a directory"):
        send(uploads, "a.pcap", DNS.read_bytes())
    uploads.close()


def test_failures_are_shown(uploads: Uploads, indexer: Indexer) -> None:
    indexer.failure = EspcapError("the store is away", "start it")
    upload = send(uploads, "a.pcap", DNS.read_bytes())
    uploads.close()
    assert (upload.is_done, upload.failure) == (True, "the store is away (start it)")


def test_defects_are_shown(uploads: Uploads, indexer: Indexer, capsys: pytest.CaptureFixture[str]) -> None:
    indexer.failure = ValueError("a fault")
    upload = send(uploads, "a.pcap", DNS.read_bytes())
    uploads.close()
    assert (upload.is_done, upload.failure) == (True, "indexing failed: ValueError('a fault')")
    assert "ValueError: a fault" in capsys.readouterr().err


def test_close_interrupts_the_running_capture_and_leaves_the_rest(uploads: Uploads, indexer: Indexer) -> None:
    indexer.may_go_on.clear()
    first, second = (send(uploads, name, DNS.read_bytes()) for name in ("a.pcap", "b.pcap"))
    while not uploads._running:
        pass
    assert (first.is_done, second.is_done) == (False, False)
    uploads.close()
    assert indexer.interrupted == 15
    assert (first.is_done, second.is_done) == (True, False)
    assert indexer.names == ["a.pcap"]
