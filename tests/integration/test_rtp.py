"""Streams of RTP, against Wireshark's own analysis of them."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import ROOT, espcap
from tests.support.messages import follow

pytest_plugins = ["tests.support.native"]
pytestmark = pytest.mark.usefixtures("native_reader")

CAPTURE = ROOT / "test_transactions/rtp.pcap"
_LINE = re.compile(
    r"^ *[\d.]+ +[\d.]+ +(\S+) +(\d+) +(\S+) +(\d+) +0x(\w+) +.*? +(\d+) +(-?\d+) \(.*?%\)"
    r" +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +([\d.]+) +([\d.]+)",
    re.M,
)


@dataclass(frozen=True)
class Analysed:
    """A stream as `tshark -z rtp,streams` prints it; jitter in milliseconds."""

    ends: tuple[str, ...]
    ssrc: int
    packets: int
    lost: int
    mean: float
    maximum: float


def analysed(capture: Path) -> list[Analysed]:
    command = ["tshark", "-n", "-r", str(capture), "-q", "-z", "rtp,streams"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = []
    for *ends, ssrc, packets, lost, mean, maximum in _LINE.findall(printed):
        found.append(Analysed(tuple(ends), int(ssrc, 16), int(packets), int(lost), float(mean), float(maximum)))
    return found


def streams(capture: Path, *decode_as: str) -> dict[int, dict[str, Any]]:
    return {each["rtp"]["ssrc"]: each for each in follow(capture, *decode_as) if each["type"] == "rtp"}


def test_numbers_are_those_of_wireshark() -> None:
    """The sequence numbers of one begin again at 0; packets are lost, swapped and doubled."""
    wanted, found = analysed(CAPTURE), streams(CAPTURE)
    assert len(wanted) == len(found) == 2
    for each in wanted:
        stream = found[each.ssrc]
        client, server, rtp = (stream[name] for name in ("client", "server", "rtp"))
        assert (client["ip"], str(client["port"]), server["ip"], str(server["port"])) == each.ends
        assert (rtp["packets"], rtp["lost"]) == (each.packets, each.lost)
        assert rtp["jitter"]["mean"] / 1e6 == pytest.approx(each.mean, abs=0.001)
        assert rtp["jitter"]["max"] / 1e6 == pytest.approx(each.maximum, abs=0.001)


def test_members_of_a_stream() -> None:
    found = streams(CAPTURE)
    caller, callee = found[0x11223344], found[0x55667788]
    assert (caller["resource"], callee["resource"]) == ("PCMU", "PCMA")
    assert (caller["rtp"]["out_of_order"], callee["rtp"]["out_of_order"]) == (1, 1)
    assert caller["rtp"]["setup_frame"] == 1
    assert caller["client"]["bytes"] == 28 * 172
    assert {each["status"] for each in found.values()} == {"OK"}
    assert all("error" not in each and "duration" not in each["event"] for each in found.values())
    assert caller["request"]["frame"] == 3
    assert caller["request"]["last_frame"] == 50


def test_streams_are_not_among_the_unanswered() -> None:
    ran = espcap("--file", CAPTURE, "--types", "transactions", "--dry-run")
    assert "4 transactions" in ran.summary
    assert "without" not in ran.summary


def test_packets_of_a_stream(tmp_path: Path) -> None:
    """The extract has all packets from the first one to the last."""
    node = f"local:{tmp_path / 'index'}"
    espcap("--file", CAPTURE, "--types", "packets,transactions", "--node", node)
    [found] = espcap("transactions", "rtp.ssrc:287454020", "--node", node).documents
    output = tmp_path / "stream.pcapng"
    assert espcap("extract", "--transaction", found["event"]["id"], "-w", output, "--node", node).status == 0
    again = streams(output, "udp.port==40000,rtp")[287454020]
    assert again["rtp"]["packets"] == 28
    assert again["rtp"]["jitter"] == found["rtp"]["jitter"]
