"""Signals, crashes and who runs what, looked at from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, ROOT, Ran, children, environment, espcap, start
from tests.support.hostile.writers import START, echo, record, write_pcap

pytest_plugins = ["tests.support.native"]


@pytest.fixture(scope="module")
def long_capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture that takes some seconds: 13,200 packets."""
    path = tmp_path_factory.mktemp("long") / "long.pcap"
    subprocess.run(["mergecap", "-a", "-w", str(path), *[str(CAPTURES / "http_xml.pcap")] * 400], check=True)
    return path


def _counts(errors: str) -> dict[str, int]:
    found = re.findall(r"([\d,]+) (packets read|stored|already there|rejected|dropped)", errors.splitlines()[-1])
    return {name: int(count.replace(",", "")) for count, name in found}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_while_a_file_is_read(long_capture: Path, tmp_path: Path, number: signal.Signals, status: int) -> None:
    process = start("--file", long_capture, stdout=(tmp_path / "out").open("wb"))
    while not (tmp_path / "out").stat().st_size:
        time.sleep(0.05)
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1].decode()
    lines = (tmp_path / "out").read_bytes().splitlines()
    assert process.returncode == status, errors
    assert 0 < len(lines) < 13_200
    assert json.loads(lines[-1])
    assert _counts(errors)["packets read"] == _counts(errors)["stored"] == len(lines)


def test_second_signal_ends_at_once(long_capture: Path) -> None:
    reading, writing = os.pipe()  # nobody reads: espcap waits in its write
    process = start("--file", long_capture, stdout=writing)
    os.read(reading, 1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=30)[1].decode()
    os.close(reading)
    os.close(writing)
    assert process.returncode != 0
    assert "Traceback" not in errors


def _end_with_tshark_killed(process: "subprocess.Popen[bytes]", output: Path, number: signal.Signals) -> str:
    """What espcap says when its tshark is killed in the middle."""
    while not output.stat().st_size:
        time.sleep(0.05)
    [tshark] = [
        child for child in children(process.pid) if b"_ws.col" not in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    os.kill(tshark, number)
    return process.communicate(timeout=60)[1].decode()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_tshark_that_dies_is_a_failure(long_capture: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = start("--file", long_capture, stdout=(tmp_path / "out").open("wb"), ESPCAP_READER="json")
    errors = _end_with_tshark_killed(process, tmp_path / "out", number)
    lines = (tmp_path / "out").read_bytes().splitlines()
    assert process.returncode == 1, errors
    assert f"Error: {long_capture}: tshark was killed by {number.name} after {len(lines):,} packets" in errors
    assert _counts(errors)["stored"] == len(lines)
    assert json.loads(lines[-1])


@pytest.mark.usefixtures("native_reader")
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_native_reader_that_crashes_costs_no_packet(
    long_capture: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = start("--file", long_capture, stdout=(tmp_path / "out").open("wb"), ESPCAP_READER="native")
    errors = _end_with_tshark_killed(process, tmp_path / "out", number)
    assert process.returncode == 0, errors
    assert f"Note: {long_capture}: continued without the native reader: killed by {number.name}\n" in errors
    found = [json.loads(line)["layers"]["frame"]["number"] for line in (tmp_path / "out").open()]
    assert found == list(range(1, 13_201))
    assert _counts(errors)["stored"] == 13_200


@pytest.mark.usefixtures("native_reader")
def test_a_native_reader_that_is_killed_is_a_failure(long_capture: Path, tmp_path: Path) -> None:
    process = start("--file", long_capture, stdout=(tmp_path / "out").open("wb"), ESPCAP_READER="native")
    while not (tmp_path / "out").stat().st_size:
        time.sleep(0.05)
    [tshark] = children(process.pid)
    os.kill(tshark, signal.SIGKILL)
    errors = process.communicate(timeout=60)[1].decode()
    lines = (tmp_path / "out").read_bytes().splitlines()
    assert process.returncode == 1, errors
    assert f"Error: {long_capture}: tshark was killed by SIGKILL after {len(lines):,} packets" in errors


def test_tshark_that_hangs(tmp_path: Path) -> None:
    hanging = _program(tmp_path, 'case $* in *--version*|*-G*) exec tshark "$@";; esac\nsleep 1000')
    ran = espcap("--file", CAPTURES / "arp.pcap", "--tshark", hanging, "--stall-timeout", "1", timeout=60)
    assert ran.status == 3, ran.errors
    assert "tshark made no progress for 1 s after 0 packets" in ran.errors


def test_tshark_that_closes_its_output_and_stays(tmp_path: Path) -> None:
    closing = 'case $* in *--version*|*-G*) exec tshark "$@";; esac\ntshark "$@"\nexec >&- <&-\nexec sleep 1000'
    program = _program(tmp_path, closing)
    ran = espcap("--file", CAPTURES / "arp.pcap", "--tshark", program, "--stall-timeout", "1", timeout=60)
    assert ran.status == 3, ran.errors
    assert [document["layers"]["frame"]["number"] for document in ran.documents] == [1, 2, 3, 4, 5, 6]
    assert "tshark made no progress for 1 s after 6 packets" in ran.errors


@pytest.mark.parametrize("reader", ["", "json"])
@pytest.mark.parametrize("arguments", [["--file"], ["show"]])
def test_with_more_than_a_thousand_open_files(arguments: list[str], reader: str) -> None:
    """As of a service manager, or a program that has espcap read a file beside much else."""
    program = "import os, resource; n = 1200; resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)); "
    program += "held = [open(os.devnull) for _ in range(1030)]; from espcap.cli import main; main(prog_name='espcap')"
    packet = ["1"] if arguments == ["show"] else []
    command = [sys.executable, "-c", program, *arguments, str(CAPTURES / "http_xml.pcap"), *packet]
    variables = environment(ESPCAP_READER=reader, PYTHONPATH=str(ROOT))
    ran = subprocess.run(command, capture_output=True, env=variables, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout == espcap(*arguments, CAPTURES / "http_xml.pcap", *packet, ESPCAP_READER=reader).output


def test_tshark_that_floods_standard_error(tmp_path: Path) -> None:
    noise = "head -c 5000000 /dev/zero | tr '\\0' x >&2; printf '\\377\\033[31m\\n' >&2"
    noisy = _program(tmp_path, f'case $* in *-G*|*--version*) ;; *) {noise};; esac\nexec tshark "$@"')
    ran = espcap("--file", CAPTURES / "arp.pcap", "--tshark", noisy)
    assert ran.status == 0, ran.errors
    assert len(ran.documents) == 6
    assert "\x1b" not in ran.errors


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo TShark 1.6.7", "is tshark 1.6.7 (espcap needs tshark"),
        ("echo garbage", "is not tshark: it prints 'garbage' (espcap needs tshark"),
        ("exit 1", "is not tshark: it prints ''"),
    ],
)
def test_tshark_that_is_none(tmp_path: Path, script: str, says: str) -> None:
    ran = espcap("--file", CAPTURES / "arp.pcap", "--tshark", _program(tmp_path, script))
    assert ran.status == 1
    assert says in ran.errors


def test_missing_tshark() -> None:
    ran = espcap("--file", CAPTURES / "arp.pcap", PATH="/nonexistent")
    assert ran.status == 1
    assert ran.lines == [
        "Error: tshark is not installed (install it: apt install tshark (Debian, Ubuntu), "
        "dnf install wireshark-cli (Fedora))"
    ]
    explicit = espcap("--file", CAPTURES / "arp.pcap", "--tshark", "/no/such/tshark")
    assert explicit.status == 1
    assert "cannot run /no/such/tshark: No such file or directory" in explicit.errors


def test_no_child_is_left(long_capture: Path, tmp_path: Path) -> None:
    process = start("--file", long_capture, stdout=(tmp_path / "out").open("wb"))
    while not (tmp_path / "out").stat().st_size:
        time.sleep(0.05)
    found = children(process.pid)
    assert found
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert not any(Path(f"/proc/{child}").exists() for child in found)


def _program(folder: Path, script: str) -> Path:
    path = folder / "tshark"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    folder.chmod(0o755)
    for parent in list(folder.parents)[:2]:
        parent.chmod(0o755)
    return path


def descendants(process: int) -> list[int]:
    found = children(process)
    return [*found, *(below for child in found for below in descendants(child))]


def _is_tshark(process: int, word: bytes) -> bool:
    """Whether a process is the tshark that prints this; not the shell or setpriv before it."""
    folder = Path(f"/proc/{process}")
    command = (folder / "cmdline").read_bytes()
    other = b"_ws.col.info" in command and word != b"_ws.col.info"
    return (folder / "comm").read_text().startswith("tshark") and word in command and not other


def numbers_with_a_tshark_killed(folder: Path, word: bytes, status: int, reason: str) -> list[int]:
    """The frames that are printed if the tshark that prints this is killed meanwhile."""
    capture = write_pcap(folder / "many.pcap", [record(echo(at % 60_000), START + at, 0) for at in range(30_000)])
    with (folder / "lines").open("wb") as lines:
        process = start("--file", capture, stdout=lines, ESPCAP_READER="json")
        while not (folder / "lines").stat().st_size:
            time.sleep(0.05)
        victims = [each for each in descendants(process.pid) if _is_tshark(each, word)]
        os.kill(victims[-1], signal.SIGKILL)
        _, errors = process.communicate(timeout=100)
    assert process.returncode == status, errors
    assert reason in errors.decode()
    return [document["layers"]["frame"]["number"] for document in Ran(0, (folder / "lines").read_bytes(), "").documents]


def test_a_tshark_that_is_killed(tmp_path: Path) -> None:
    """What is stored has no gap, and the summary says that it is not all."""
    numbers = numbers_with_a_tshark_killed(tmp_path, b"json", 1, "killed by SIGKILL")
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) < 30_000


def test_a_tshark_that_prints_columns_is_killed(tmp_path: Path) -> None:
    numbers = numbers_with_a_tshark_killed(tmp_path, b"_ws.col.info", 3, "Wireshark's columns are missing for")
    assert numbers == list(range(1, 30_001))
