"""Several tsharks for one file: the same lines as from one, whatever the file and whatever happens to them."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.hostile import times
from tests.hostile.writers import START, echo, record, write_pcap
from tests.integration.test_faulty_packets import CRASH, HANG, fake
from tests.integration.test_native import counts
from tests.integration.test_oracle import KEYS
from tests.support.command import CAPTURES, Ran, children, espcap, start

POINTER = re.compile(rb"(?<=bytes )0x[0-9a-f]{8,}")  # in notes of Wireshark's HTTP/3 dissector, from 4.4 on


def run(*arguments: str | Path) -> Ran:
    return espcap(*arguments, ESPCAP_READER="json")


def compare(jobs: int, *arguments: str | Path) -> None:
    one, several = run(*arguments, "--jobs", "1"), run(*arguments, "--jobs", str(jobs))
    assert POINTER.sub(b"", several.output) == POINTER.sub(b"", one.output)
    assert (several.status, several.lines[:-1], counts(several)) == (one.status, one.lines[:-1], counts(one))
    assert one.output


def test_own_captures() -> None:
    compare(3, "--dir", CAPTURES)


@pytest.mark.parametrize(
    "options",
    [
        ["-Y", "tcp.len > 0 || dns"],
        ["-Y", "http"],
        ["--payload"],
        ["-d", "tcp.port==80,echo"],
        ["--count", "20"],
    ],
    ids=" ".join,
)
def test_options(options: list[str]) -> None:
    compare(2, "--file", CAPTURES / "http_xml.pcap", *options)


def test_decryption() -> None:
    compare(2, "--file", CAPTURES / "tls13.pcapng", "-o", KEYS["tls13.pcapng"])


def test_times_between_packets(tmp_path: Path) -> None:
    """The one field that depends on which packets tshark prints is set right."""
    compare(2, "--file", times.going_back(tmp_path / "back.pcap"))
    moments = [(START, 999_999), (START, 1_500_000), (0, 0), (0xFFFFFFFF, 0), (START + 1, 3), (START, 0xFFFFFFFF)]
    odd = write_pcap(tmp_path / "odd.pcap", [record(echo(at), *moment) for at, moment in enumerate(moments)])
    compare(3, "--file", odd)


def test_more_jobs_than_packets(tmp_path: Path) -> None:
    compare(5, "--file", write_pcap(tmp_path / "one.pcap", [record(echo(0), START, 0)]))


def test_cut_file(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes((CAPTURES / "http_xml.pcap").read_bytes()[:-10])
    compare(2, "--file", path)


def test_local_index(tmp_path: Path) -> None:
    nodes = [f"local:{tmp_path / jobs}" for jobs in "12"]
    for node in nodes:
        run("--file", CAPTURES / "http_xml.pcap", "--node", node, "--jobs", node[-1])
    found = [espcap("search", "*", "--size", "50", "--node", node) for node in nodes]
    assert len(found[0].documents) == 33
    assert found[0].output == found[1].output


@pytest.mark.parametrize(("frames", "fail"), [((10, 23), CRASH), ((20,), HANG)])
def test_packets_at_which_tshark_fails(tmp_path: Path, frames: tuple[int, ...], fail: str) -> None:
    tshark = fake(tmp_path, frames, fail)
    ran = run("--file", CAPTURES / "http_xml.pcap", "--tshark", tshark, "--stall-timeout", "2", "--jobs", "2")
    assert ran.status == 3, ran.errors
    assert f"left out frame {', '.join(map(str, frames))} (" in ran.errors
    numbers = [document["layers"]["frame"]["number"] for document in ran.documents]
    assert numbers == [number for number in range(1, 34) if number not in frames]
    assert f"{33 - len(frames)} packets read, {33 - len(frames)} stored" in ran.account


def descendants(process: int) -> list[int]:
    found = children(process)
    return [*found, *(below for child in found for below in descendants(child))]


def _is(process: int, name: str, word: bytes) -> bool:
    """Whether a process runs this program, and the word is in its command; not the shell's or setpriv's before it."""
    folder = Path(f"/proc/{process}")
    command = (folder / "cmdline").read_bytes()
    other = name == "tshark" and b"_ws.col.info" in command and word != b"_ws.col.info"
    return (folder / "comm").read_text().startswith(name) and word in command and not other


@pytest.mark.parametrize(
    ("name", "word", "status", "reason"),
    [
        ("tshark", b"json", 1, "killed by SIGKILL"),
        ("python", b"espcap.dissection.share", 1, "killed by SIGKILL"),
        ("tshark", b"_ws.col.info", 3, "the one that prints the columns has ended"),
    ],
)
def test_a_process_that_is_killed_is_told(tmp_path: Path, name: str, word: bytes, status: int, reason: str) -> None:
    """What is stored has no gap, and the account says that it is not all."""
    capture = write_pcap(tmp_path / "many.pcap", [record(echo(at % 60_000), START + at, 0) for at in range(30_000)])
    with (tmp_path / "lines").open("wb") as lines:
        process = start("--file", capture, "--jobs", "2", stdout=lines, ESPCAP_READER="json")
        while not (tmp_path / "lines").stat().st_size:
            time.sleep(0.05)
        victims = [each for each in descendants(process.pid) if _is(each, name, word)]
        os.kill(victims[-1], signal.SIGKILL)
        _, errors = process.communicate(timeout=100)
    assert process.returncode == status, errors
    assert reason in errors.decode()
    ran = Ran(0, (tmp_path / "lines").read_bytes(), "")
    numbers = [document["layers"]["frame"]["number"] for document in ran.documents]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) < 30_000
