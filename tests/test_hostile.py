"""The hostile captures have the effect on tshark that they are written for."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from tests.support.hostile import files, packets, times
from tests.support.wireshark_versions import installed

Writer = Callable[[Path], Path]
Outcome = Literal["read", "broken", "unopenable"]

# What tshark makes of each: packets, outcome, a part of its standard error.
DAMAGED: list[tuple[Writer, int, Outcome, str]] = [
    (files.zero_byte, 0, "read", ""),
    (files.header_only, 0, "read", ""),
    (files.half_header, 0, "unopenable", "cut short"),
    (files.cut_in_data, 9, "broken", "cut short"),
    (files.cut_in_record_header, 10, "broken", "cut short"),
    (files.cut_pcapng, 9, "broken", "cut short"),
    (files.text_file, 0, "unopenable", "isn't a capture file"),
    (files.random_bytes, 0, "unopenable", "isn't a capture file"),
    (files.json_named_pcap, 1, "read", ""),
    (files.jpeg_named_pcap, 1, "read", ""),
    (files.absurd_caplen, 5, "broken", "damaged or corrupt"),
    (files.oversized_caplen, 5, "broken", "bigger than maximum of 262144"),
    (files.caplen_above_length, 1, "read", ""),
    (files.snaplen_cut, 10, "read", ""),
    (files.pcapng_bad_interface, 0, "broken", "interface index 7"),
    (files.unknown_link_type, 0, "unopenable", "network type 9999 unknown"),
]

TIMES: list[tuple[Writer, str]] = [
    (times.epoch_zero, "0.000000000"),
    (times.year_2106, "4294967295.000000000"),
    (times.negative, "-3000000000.000000000"),
    (times.year_36812, "1099511627776.000000000"),
    (times.year_586524, "18446744073709.551615000"),
]


def tshark(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = ["tshark", "-n", "-r", str(path), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, timeout=60)


def values(path: Path, field: str, display_filter: str = "frame") -> list[str]:
    """The first value of a field in each packet; tshark must read the capture to its end."""
    done = tshark(path, "-Y", display_filter, "-T", "fields", "-E", "occurrence=f", "-e", field)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "capture.pcap"


@pytest.mark.parametrize(("write", "count", "outcome", "message"), DAMAGED)
def test_damaged_file(path: Path, write: Writer, count: int, outcome: Outcome, message: str) -> None:
    status = {"read": 0, "broken": installed().broken, "unopenable": installed().unopenable}[outcome]
    done = tshark(write(path), "-T", "fields", "-e", "frame.number")
    assert (len(done.stdout.splitlines()), done.returncode) == (count, status)
    assert message in done.stderr


def test_cut_gzip(tmp_path: Path) -> None:
    done = tshark(files.cut_gzip(tmp_path / "capture.pcap.gz"), "-T", "fields", "-e", "frame.number")
    assert done.returncode == installed().broken
    assert 0 < len(done.stdout.splitlines()) < 100


def test_snaplen_cut_is_marked(path: Path) -> None:
    assert values(files.snaplen_cut(path), "frame.number", "_ws.short") == ["3"]


@pytest.mark.parametrize(("write", "epoch"), TIMES)
def test_time(path: Path, write: Writer, epoch: str) -> None:
    assert values(write(path), "frame.time_epoch") == [epoch]


def test_time_with_too_many_microseconds(path: Path) -> None:
    assert values(times.microsecond_overflow(path), "frame.time_epoch") == [installed().overflowing_epoch]


def test_huge_fraction(path: Path) -> None:
    assert len(values(times.huge_fraction(path), "frame.time_epoch")) == 1


def test_going_back(path: Path) -> None:
    epochs = values(times.going_back(path), "frame.time_epoch")
    assert len(epochs) == 10
    assert epochs == sorted(epochs, reverse=True)


def test_many_days(path: Path) -> None:
    days = {int(float(epoch)) // times.DAY for epoch in values(times.many_days(path, 400), "frame.time_epoch")}
    assert len(days) == 400


@pytest.mark.parametrize(
    ("name", "protocols"),
    [
        ("arp", "eth:ethertype:arp"),
        ("raw_ip", "raw:ip:udp"),
        ("wlan", "wlan"),
        ("usb", "usb"),
        ("bluetooth", "bluetooth:hci_h4:bthci_cmd"),
        ("user0", "user_dlt"),
    ],
)
def test_link_type(path: Path, name: str, protocols: str) -> None:
    (seen,) = values(packets.link_type(path, name), "frame.protocols")
    assert seen.startswith(protocols)


def test_ip_in_ip(path: Path) -> None:
    done = tshark(packets.ip_in_ip(path), "-T", "json")
    assert done.returncode == 0
    assert done.stdout.count('"ip.src":') > 100


def test_long_user_agent(path: Path) -> None:
    (agent,) = values(packets.long_user_agent(path), "http.user_agent")
    assert len(agent) == 40_000


def test_utf8_long(path: Path) -> None:
    (agent,) = values(packets.utf8_long(path), "http.user_agent")
    assert len(agent.encode()) > 32_766


def test_utf8_long_json(path: Path) -> None:
    (text,) = values(packets.utf8_long_json(path), "json.value.string")
    assert text == "€" * 11_000


def test_hostile_http(path: Path) -> None:
    done = tshark(packets.hostile_http(path), "-T", "json", "-Y", "http")
    assert done.returncode == 0
    (packet,) = json.loads(done.stdout)
    http = packet["_source"]["layers"]["http"]
    assert "\x1b[2J" in http["http.user_agent"]
    assert "<script>" in http["http.accept"]
    assert "\u202e" in done.stdout or "\ufffd" in done.stdout


def test_dns_many_answers(path: Path) -> None:
    done = tshark(packets.dns_many_answers(path), "-T", "fields", "-e", "dns.a")
    assert len(done.stdout.split(",")) == 2000


def test_dns_escape_name(path: Path) -> None:
    (name,) = values(packets.dns_escape_name(path), "dns.qry.name")
    assert "\\033[31m" in name


def test_u64_max(path: Path) -> None:
    assert values(packets.u64_max(path), "collectd.val.counter") == [str(2**64 - 1)]


def test_deep_json(path: Path) -> None:
    assert values(packets.deep_json(path), "frame.number", "json") == ["1"]


def test_odd_names(tmp_path: Path) -> None:
    source = files.header_only(tmp_path / "source")
    folder = tmp_path / "odd"
    folder.mkdir()
    copies = files.odd_names(source, folder)
    assert len(set(copies)) == len(files.ODD_NAMES) == len(list(folder.iterdir()))
    assert all(copy.read_bytes() == source.read_bytes() for copy in copies)
    assert all(tshark(copy).returncode == 0 for copy in copies)


def test_byte_flips(tmp_path: Path) -> None:
    source = files.caplen_above_length(tmp_path / "source")
    flipped = files.byte_flips(source, tmp_path / "flipped", seed=1, count=5)
    pairs = zip(source.read_bytes(), flipped.read_bytes(), strict=True)
    assert sum(before != after for before, after in pairs) == 5
    assert flipped.read_bytes() == files.byte_flips(source, tmp_path / "again", seed=1, count=5).read_bytes()
    assert len(values(flipped, "frame.number")) == 1
