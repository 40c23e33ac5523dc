"""Where the captures of documents are found, and what is said where they are not."""

import os
import shutil
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.captures.kept import CaptureGone
from espcap.captures.originals import Originals
from tests.support.command import CAPTURES

DIGEST = "423b430b9a1cab6f8ca6317f76422072"
"""Of dns.pcap."""


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return Path(shutil.copy(CAPTURES / "dns.pcap", tmp_path / "dns.pcap"))


def found(names: list[str], *folders: Path) -> str:
    opened, file = Originals([str(folder) for folder in folders]).open(DIGEST, names)
    with file:
        assert file.read() == (CAPTURES / "dns.pcap").read_bytes()
    return opened.path


def failure(names: list[str], *folders: Path) -> EspcapError:
    with pytest.raises(EspcapError) as raised:
        found(names, *folders)
    return raised.value


def test_place_of_the_capture(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found([str(capture)]) == str(capture)
    monkeypatch.chdir(capture.parent)
    assert found(["dns.pcap"]) == "dns.pcap"
    assert found(["gone.pcap", "dns.pcap"]) == "dns.pcap"


def test_gone(tmp_path: Path) -> None:
    gone = failure([str(tmp_path / "no\x1bne.pcap")])
    assert isinstance(gone, CaptureGone)
    assert gone.message == f"the capture {tmp_path}/no\\x1bne.pcap is gone"
    assert "--dir" in gone.hint


def test_changed(capture: Path) -> None:
    with capture.open("ab") as file:
        file.write(b"\0")
    assert failure([str(capture)]).message == (
        f"{capture} is no longer the capture that was stored: its content has changed"
    )
    capture.write_text("text")
    assert failure([str(capture)]).message == f"{capture} is not a capture"


def test_moved(capture: Path, tmp_path: Path) -> None:
    """Known by its content: neither its name nor that of another counts."""
    archive = tmp_path / "archive"
    archive.mkdir()
    shutil.copy(CAPTURES / "arp.pcap", archive / "dns.pcap")
    (archive / "text.pcap").write_text("text")
    moved = capture.rename(archive / "renamed")
    assert found(["dns.pcap"], archive) == str(moved)
    assert found(["-"], archive) == str(moved)
    assert found([str(archive / "dns.pcap")], archive) == str(moved)


def test_no_such_folder(tmp_path: Path) -> None:
    assert failure(["dns.pcap"], tmp_path / "none").message == f"{tmp_path / 'none'} is not a directory"


def test_name_that_is_no_utf8(capture: Path) -> None:
    odd = capture.rename(capture.parent / os.fsdecode(b"odd\xff.pcap"))
    assert found([str(capture.parent / "odd\ufffd.pcap")]) == str(odd)
    assert "is gone" in failure(["/none/odd\ufffd.pcap"]).message


def test_pipe_of_that_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "dns.pcap")
    assert failure([str(tmp_path / "dns.pcap")]).message == f"{tmp_path / 'dns.pcap'} is not a regular file"


def test_standard_input() -> None:
    assert failure(["-"]).message == "the capture came on standard input"


def test_live_capture() -> None:
    with pytest.raises(CaptureGone) as raised:
        Originals().kept({"capture_id": "0" * 32, "observer": {"hostname": "sensor\x1b"}})
    assert raised.value.message == "no capture file of the live capture on sensor\\x1b is kept here"
    assert "--keep-captures" in raised.value.hint
