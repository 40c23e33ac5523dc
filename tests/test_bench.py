"""What `make bench` stands on: its captures, its clock and its tables."""

import json
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from bench.captures import CAPTURES, KINDS, build, count, frames
from bench.commands import ALL, BULK, COMMANDS, EK, FOREIGN_BULK, LIMIT, LOCAL, NATIVE, Command
from bench.helpers_bulk import merged
from bench.live import between_others
from bench.measure import ROOT, Run, run
from bench.page import DAY, spread
from bench.results import Measured, report


@pytest.mark.parametrize("kind", KINDS)
def test_captures_have_as_many_packets_as_asked_for(tmp_path: Path, kind: str) -> None:
    assert count(build(kind, 1234, tmp_path)) == 1234
    assert len(list(tmp_path.iterdir())) == 1


def test_packets_are_spread_over_a_day(tmp_path: Path) -> None:
    spread(capture := build("mixed", 100, tmp_path))
    command = ["tshark", "-r", str(capture), "-T", "fields", "-e", "frame.time_epoch"]
    times = [float(time) for time in subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split()]
    assert times == [DAY + number * 864 for number in range(100)]


def test_a_connection_is_repeated_between_other_hosts(tmp_path: Path) -> None:
    path = build("HTTP", 2, tmp_path)
    pcap = bytearray(path.read_bytes())
    for start, end in frames(pcap):
        pcap[start:end] = between_others(bytes(pcap[start:end]), 300)
    (tmp_path / "others.pcap").write_bytes(pcap)
    command = ["tshark", "-n", "-T", "fields", "-e", "ip.src", "-e", "ip.dst", "-e", "tcp.stream", "-r"]
    before, after = (
        subprocess.run([*command, str(capture)], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
        for capture in (path, tmp_path / "others.pcap")
    )
    moved = [str(ip_address(text) + 300) if "." in text else text for text in before]
    assert after == moved


def test_every_process_is_measured(tmp_path: Path) -> None:
    command = Command("two", ["sh", "-c", "sleep 0.5 & : < {capture}; wait"])
    (tmp_path / "capture").touch()
    measured = run(command, tmp_path / "capture", "")
    assert measured.seconds >= 0.5
    assert measured.peaks.keys() == {"sh", "sleep"}


def test_a_command_that_fails_ends_all(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="failed: false"):
        run(Command("none", ["false"]), tmp_path, "")


def test_commands_are_named_once() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)


def test_ratios_are_those_of_the_medians() -> None:
    runs = {name: [Run(each, each, {"x": 7}, 50_000) for each in seconds] for name, seconds in SECONDS.items()}
    lines = list(report([Measured("HTTP", 1000, runs, {BULK: 400_000, FOREIGN_BULK: 1_000_000})]))
    assert "| tshark -T ek | 4.00 | 3.00, 9.00 | 4.00 | 250 | 1.00 | 2.00 | x 7 |" in lines
    assert any("3.0 times faster than" in line for line in lines)
    assert any("0.40 times as large" in line for line in lines)
    assert "The local index takes 50 bytes per packet," in lines
    assert "and filling it 1.20 times the processor time of printing.\n" in lines
    assert any("To standard output 20.0 times faster than a pyshark loop, every value" in line for line in lines)


SECONDS = {
    EK: [9.0, 3.0, 4.0],
    LIMIT: [2.0, 2.0, 5.0],
    NATIVE: [3.0] * 3,
    LOCAL: [4.0, 3.6, 3.0],
    ALL: [60.0] * 3,
    BULK: [2.0] * 3,
    FOREIGN_BULK: [6.0] * 3,
}


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="pyshark 0.6 reads no file with Python 3.14")
@pytest.mark.parametrize("options", [["--every-value"], ["--every-value", "--use-ek"]])
def test_the_loop_prints_every_packet(options: list[str]) -> None:
    capture = CAPTURES / "http_xml.pcap"
    command = [sys.executable, "-m", "bench.pyshark_loop", str(capture), *options]
    printed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    lines = [json.loads(line) for line in printed.splitlines()]
    assert len(lines) == count(capture)
    assert all({"eth", "ip", "tcp"} <= {name for name, values in line if values} for line in lines)


def test_equal_keys_become_a_list() -> None:
    assert merged([("a", 1), ("b", 2), ("a", 3), ("a", 4)]) == {"a": [1, 3, 4], "b": 2}
